package queuetest

import "time"

const changes = 20

// members join and leave under load. No message is lost, and none is done twice.
func members[M any](tr *trial[M]) {
	tr.create(unused)
	stop := tr.keepFull()
	group := []*member[M]{tr.join(tr.worker)}
	if tr.b.Features.Groups {
		group = append(group, tr.join(tr.worker), tr.join(tr.worker))
	}
	for i := range changes {
		m := group[i%len(group)]
		before := tr.journal.unique()
		tr.until("the group goes on", func() bool { return tr.journal.unique() >= before+20 })
		m.leave()
		group[i%len(group)] = tr.join(tr.worker)
	}
	stop()
	tr.complete()
	for _, m := range group {
		m.leave()
	}
	tr.once()
	tr.ordered(OrderedGroup)
}

// restarted restarts the broker under a member. The member's run continues.
func restarted[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.Restart != nil, "Broker.Restart is nil")
	tr.create(tr.b.Term)
	tr.load(24 * inFlight)
	m := tr.join(tr.worker)
	again := 0
	for i := range 2 {
		tr.until("the member works", func() bool { return tr.journal.unique() >= (1+i)*4*inFlight })
		stopped := time.Now()
		tr.b.Restart(tr.TB)
		again += inFlight
		if late := max(tr.b.Forgets, tr.b.AckDelay); late > 0 {
			again += tr.journal.since("", stopped.Add(-late))
		}
	}
	tr.complete()
	m.leave()
	tr.repeated(func(string) int { return again })
	tr.ordered(OrderedGroup)
}

// failedAcks makes acknowledgements fail for some time. A member may end because of that, and a new
// one starts.
func failedAcks[M any](tr *trial[M]) {
	tr.skipUnless(tr.b.FailAcks != nil, "Broker.FailAcks is nil")
	tr.create(tr.b.Term)
	tr.load(16 * inFlight)
	m := tr.join(tr.worker)
	tr.until("the member works", func() bool { return tr.journal.unique() >= 2*inFlight })
	m.free = true
	before := tr.journal.unique()
	heal := tr.b.FailAcks(tr.TB, tr.queue)
	time.Sleep(300 * time.Millisecond)
	heal()
	meanwhile := tr.journal.unique() - before
	tr.until("all messages are settled", func() bool {
		if closed(m.done) {
			tr.Logf("the run of a member has ended: %v", m.err)
			m = tr.join(tr.worker)
			m.free = true
		}
		return tr.left() == 0
	})
	tr.complete()
	m.leave()
	tr.repeated(func(string) int { return meanwhile + inFlight })
	tr.ordered(OrderedGroup)
}

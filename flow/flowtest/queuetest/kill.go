package queuetest

import "time"

const (
	kills   = 20
	signals = 6
)

// killed kills worker processes under load. Only the messages that they held are done again, and
// what they had not acknowledged.
func killed[M any](tr *trial[M]) {
	tr.create(tr.b.Term)
	stop := tr.keepFull()
	crew := tr.crew()
	dead := map[string]time.Time{}
	for i := range kills {
		p := crew[i%len(crew)]
		tr.busy(p, 10)
		dead[p.member] = time.Now()
		p.kill()
		crew[i%len(crew)] = tr.spawn()
	}
	stop()
	tr.complete()
	tr.terminate(crew...)
	tr.repeated(func(member string) int {
		at, killed := dead[member]
		switch {
		case !killed:
			return 0
		case tr.b.AckDelay == 0:
			return inFlight
		}
		return inFlight + tr.journal.since(member, at.Add(-tr.b.AckDelay))
	})
	tr.ordered(OrderedGroup)
}

// terminated ends worker processes by SIGTERM under load. No message is done again, and the
// messages that they held are free at once.
func terminated[M any](tr *trial[M]) {
	tr.create(unused)
	stop := tr.keepFull()
	crew := tr.crew()
	for i := range signals {
		p := crew[i%len(crew)]
		tr.busy(p, 10)
		tr.terminate(p)
		crew[i%len(crew)] = tr.spawn()
	}
	for _, p := range crew {
		tr.busy(p, 10)
	}
	stop()
	tr.terminate(crew...)
	tr.load(inFlight) // a quick group may have left nothing
	tr.fine(tr.journal.read(), "read the journal")
	tr.until("what was done is settled", func() bool { return tr.left() == tr.total()-tr.journal.unique() })
	last := tr.spawn()
	tr.complete()
	tr.terminate(last)
	tr.once()
	tr.ordered(OrderedGroup)
}

// crew starts as many workers as can share the queue.
func (tr *trial[M]) crew() []*process {
	tr.Helper()
	crew := []*process{tr.spawn()}
	if tr.b.Features.Groups {
		crew = append(crew, tr.spawn())
	}
	return crew
}

// ordered checks the order of each key, if the broker promises as much as least.
func (tr *trial[M]) ordered(least Order) {
	tr.Helper()
	if tr.b.Features.Order < least {
		return
	}
	if fault := disorder(tr.journal.all()); fault != "" {
		tr.Errorf("not in order: %s", fault)
	}
}

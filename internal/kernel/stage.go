package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// solo is what the only worker of a stage works with.
//
//	Owner: the goroutine that has the node's turn.
type solo struct {
	pace  Pace
	group Group
	tally account.Tally
	below int64 // what an item costs below, in the same goroutine
}

// Work does op in this goroutine until the stream has ended, which it reports, until op
// wants no more, or until the node shall have more than one worker. A node that was not
// staffed never has more than one.
func (n *Node) Work(op Op) (ended bool) {
	if !n.alone() {
		return false
	}
	e := n.Ins[0]
	n.op, n.solo = op, &solo{pace: NewPace()}
	n.solo.group.pace = &n.solo.pace
	e.Visits(n.do)
	for n.alone() {
		b, from, to := e.Await()
		if b == nil {
			return true
		}
		if n.alone() { // still: the number of workers is looked at when an item has come
			n.do(b, from, to, false, 0)
		}
	}
	e.SetLoad(heavy)
	return false
}

// Does makes the op known that groups and callers of the node call.
func (n *Node) Does(op Op) { n.op = op }

// alone reports that the node shall go on with one worker.
func (n *Node) alone() bool { return n.workers.Load() <= 1 && !n.finished }

// do works on the places from up to to of b, a group at a time, in the turn of the node. It begins
// at now, 0 if that is not known, and returns when it ended. A visitor never waits. If there is no
// room below, or the work has become slow, it leaves the rest to the node's own goroutine; ok says
// that it may go on.
func (n *Node) do(b *handoff.Batch, from, to int, visitor bool, now int64) (last int64, ok bool) {
	if visitor && !n.alone() {
		return now, false
	}
	s := n.solo
	g := &s.group
	finished := false
	defer func() {
		if !finished && g.exited { // the goroutine is ending
			n.calls.Add(-1)
			n.settle(now)
		}
		s.tally.Publish(&n.Books)
	}()
	for from < to {
		k := min(s.pace.batch(), to-from)
		g.Out, g.N = nil, 0
		if !n.sink {
			room := 0
			if g.Out, g.N, room = n.Outs[0].Reserve(!visitor); room == 0 {
				break
			}
			k = min(k, room)
		}
		if now == 0 {
			now = n.run.now()
		}
		g.begin(n, b, from, from+k)
		n.calls.Add(1)
		g.run()
		n.calls.Add(-1)
		now = n.settle(now)
		from += k
		s.below = 0
		if sent := g.N - g.at; sent > 0 && g.Out != nil {
			now, s.below = n.Outs[0].Notify(n.spare(k == 1 && from == to), now)
		}
		load := s.pace.load() + s.below
		n.Ins[0].SetLoad(load)
		if n.finished || visitor && load >= cheap && from < to {
			break
		}
	}
	finished = true
	return now, from == to && !n.finished
}

// settle books the group that was begun at now and hands it on. It returns the time.
func (n *Node) settle(now int64) (end int64) {
	s := n.solo
	g := &s.group
	end = n.run.now()
	g.account(&s.tally, now, end)
	if s.pace.calm < calmLength { // the next call may take long, and the account be looked at
		s.tally.Publish(&n.Books)
	}
	n.Ins[0].Consume(g.to - g.from)
	if sent := g.N - g.at; sent > 0 && g.Out != nil {
		n.Outs[0].Commit(sent)
	}
	return end
}

// spare is what an item may cost below for this goroutine to also do that. An item that
// comes alone is not worth waking another goroutine for: that takes microseconds, and
// nothing else is there to be done.
func (n *Node) spare(single bool) int64 {
	if single {
		return 4*cheap - n.solo.pace.load()
	}
	return cheap - n.solo.pace.load()
}

// Lose accounts for a failed item that has no way on.
func (n *Node) Lose(f *fault.Fault, t *lineage.Trail) {
	if !n.run.Aborted() && !(t.Receipt().Waits() && f.Returns()) {
		n.run.refuse(f)
	}
	t.Leave(fault.ItemError(f))
}

package kernel

import (
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// solo is the state of the only worker of a stage.
//
//	Owner: the goroutine that does the node's work.
type solo struct {
	pace  Pace
	group Group
	below int64 // cost of an item below, in the same goroutine
}

// Work does op in this goroutine. It returns true when the stream has ended. It returns false when
// op wants no more items, or when the node gets more than one worker. A node without Staff never
// has more than one.
func (n *Node) Work(op Op) (ended bool) {
	if !n.alone() || !n.Engage() {
		return false
	}
	defer n.Disengage()
	e := n.Ins[0]
	n.op, n.solo = op, &solo{pace: NewPace(0)}
	n.solo.group.pace = &n.solo.pace
	e.Visits(n.do)
	for n.alone() && !n.Gone() {
		b, from, to := e.Await()
		if b == nil {
			return true
		}
		if n.alone() { // check again: the number of workers may have changed during the wait
			n.do(b, from, to, false, 0)
		}
	}
	e.SetLoad(heavy)
	return false
}

// Does sets the op that groups of the node call.
func (n *Node) Does(op Op) { n.op = op }

// alone reports that the node should continue with one worker.
func (n *Node) alone() bool { return n.workers.Load() <= 1 && !n.finished }

// do works on the places from up to to of b, a group at a time. It begins at now, 0 if that is not
// known, and returns when it ended. ok says that the caller may continue. A visitor never waits: if
// there is no room below, or the work has become slow, it leaves the rest to the node's own
// goroutine.
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
			if g.Out != nil { // the goroutine that continues may wait for room
				n.Outs[0].Rouse()
			}
		}
		g.tally.Publish(&n.Books)
	}()
	for from < to {
		k := min(s.pace.batch(), to-from)
		g.Out, g.N = nil, 0
		if !n.IsSink() {
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
		if n.Gone() {
			break
		}
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

// settle books the group that began at now, and sends its results. It returns the time.
func (n *Node) settle(now int64) (end int64) {
	s := n.solo
	g := &s.group
	end = n.run.now()
	if n.run.detached { // an acknowledgement may be stuck, and no other goroutine may see the items then
		n.Ins[0].Consume(g.to - g.from)
		if g.account(now, end); n.Gone() {
			return end
		}
	} else {
		g.account(now, end)
	}
	if s.pace.calm < calmLength { // the next call may take long, and the account may be read meanwhile
		g.tally.Publish(&n.Books)
	}
	if !n.run.detached {
		n.Ins[0].Consume(g.to - g.from)
	}
	if sent := g.N - g.at; sent > 0 && g.Out != nil {
		n.Outs[0].Commit(sent)
	}
	return end
}

// spare returns the largest cost of an item below at which this goroutine also does the work below.
// An item that comes alone is not worth waking another goroutine, which takes microseconds: this
// goroutine has nothing else to do.
func (n *Node) spare(single bool) int64 {
	if single {
		return 4*cheap - n.solo.pace.load()
	}
	return cheap - n.solo.pace.load()
}

// Lose accounts for a failed item that cannot be sent on.
func (n *Node) Lose(f *fault.Fault, t *lineage.Trail) {
	r, err := n.run, fault.ItemError(f)
	if !r.Aborted() && !(t.Receipt().Waits() && f.Returns()) { // no policy took it
		r.mu.Lock()
		r.unhandled++
		r.mu.Unlock()
		r.Fail(err)
	}
	t.Leave(err)
}

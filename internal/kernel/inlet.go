package kernel

import (
	"sync"
	"time"

	"github.com/weir-go/weir/internal/handoff"
)

// Inlet is the receiving end of a stage with a loop of its own. It hands out places of batches. The
// typed inlet around it reads the values.
//
// Owner: one goroutine; in a detached run also the one that replaces it.
type Inlet struct {
	B   *handoff.Batch // the current item is at Pos of B
	Pos int

	node      *Node
	edge      *Edge
	out       *Outlet // where failed items go; nil at a sink
	from, end int     // taken places of B
	over      bool    // the stream has ended
	takes     bool    // the stage takes failed items

	mu     sync.Mutex    // Guarded by: mu, in a detached run: all fields but out
	dead   bool          // the stage was left behind
	parked chan struct{} // closed when the stage's goroutine has left the edge where it waits; nil if it does not wait
}

// NewInlet returns the receiving end of e. If takes is true, the stage takes failed items.
// Otherwise they go to out, or fail the run if out is nil.
func NewInlet(e *Edge, out *Outlet, takes bool) *Inlet {
	return &Inlet{Pos: -1, node: e.To, edge: e, out: out, takes: takes}
}

// Node returns the node of the inlet.
func (in *Inlet) Node() *Node { return in.node }

// Next goes to the next item that concerns the stage. It blocks until there is one. ok is false at
// the end of the stream. woken is true if late delivered first.
func (in *Inlet) Next(late <-chan time.Time) (m Meta, ok, woken bool) {
	if in.node.run.detached {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.dead {
			return m, false, false
		}
	}
	for {
		if !in.Pending() {
			if ok, woken = in.refill(late); !ok {
				return m, false, woken
			}
		}
		in.Pos++
		if m = metaOf(in.B, in.Pos); in.concerns(&m) {
			return m, true, false
		}
	}
}

// refill takes the next published places. It blocks until there are some.
func (in *Inlet) refill(late <-chan time.Time) (ok, woken bool) {
	in.finish()
	for !in.over && !in.dead {
		select {
		case <-late: // so that the timer of a stage that is never idle is heard as well
			return false, true
		default:
		}
		if in.look() {
			return true, false
		}
		if !in.over && in.park(late) {
			return false, true
		}
	}
	return false, false
}

// look takes published places, if there are any, and notes the end of the stream.
func (in *Inlet) look() bool {
	b, from, to := in.edge.View()
	if b == nil && in.edge.Closed() {
		b, from, to = in.edge.View() // for what was sent right before the end
		in.over = b == nil
	}
	if b == nil {
		return false
	}
	in.B, in.from, in.Pos, in.end = b, from, from-1, to
	return true
}

// park blocks until there may be items. In a detached run it does not hold the mutex while it
// blocks.
func (in *Inlet) park(late <-chan time.Time) (woken bool) {
	if !in.node.run.detached {
		return in.edge.Park(late)
	}
	in.parked = make(chan struct{})
	in.mu.Unlock()
	defer func() {
		in.mu.Lock()
		in.wakes()
	}()
	return in.edge.Park(late)
}

// wakes says that the stage's goroutine has left the edge where it has waited. The caller holds the
// mutex.
func (in *Inlet) wakes() {
	close(in.parked)
	in.parked = nil
}

// finish returns the taken places to the edge.
func (in *Inlet) finish() {
	if in.end > in.from {
		in.edge.Consume(in.end - in.from)
	}
	in.from, in.Pos, in.end = 0, -1, 0
}

// concerns reports whether the stage gets the item. If not, it sends the item past the stage. It
// counts a healthy item. After an abort a healthy item fails, except at a sink that takes failures:
// such a sink still delivers finished results.
func (in *Inlet) concerns(m *Meta) bool {
	n := in.node
	if m.fault == nil {
		n.In.Add(1)
		if !n.run.Aborted() || in.takes && n.IsSink() {
			m.began = n.run.stamp()
			return true
		}
		n.Failed.Add(1)
		m.fault = n.NewFault(n.run.AbortError(), 0, in.B.Vals.Value(in.Pos), m.trail)
	}
	if in.takes && (n.IsSink() || !m.fault.Returns() && !n.run.Aborted()) {
		return true
	}
	in.Pass(m)
	return false
}

// Pass sends a failed item past the stage.
func (in *Inlet) Pass(m *Meta) {
	if in.out == nil {
		in.node.Lose(m.fault, m.trail)
	} else if _, _, ok := in.out.place(m); ok {
		in.out.Publish()
	}
}

// Pending reports whether there is an item at hand.
func (in *Inlet) Pending() bool { return in.Pos+1 < in.end }

// Ready reports whether the next item is at hand and concerns the stage.
func (in *Inlet) Ready() bool { return in.Pending() && in.B.Fault(in.Pos+1) == nil }

// Poll takes published items if none is at hand. It does not block. It reports whether an item is
// at hand.
func (in *Inlet) Poll() bool {
	defer in.hold()()
	if in.dead {
		in.over = true // so that [Either] does not wait for this inlet
		return false
	}
	if in.Pending() {
		return true
	}
	in.finish()
	return !in.over && in.look()
}

// hold locks the mutex in a detached run, and returns the function that unlocks it.
func (in *Inlet) hold() (release func()) {
	if !in.node.run.detached {
		return nothing
	}
	in.mu.Lock()
	return in.mu.Unlock
}

func nothing() {}

// Take goes to the next items, healthy or not, and returns their places in B, at most most. It
// blocks until there are some. ok is false at the end of the stream. After an abort Take hands out
// no items.
func (in *Inlet) Take(most int) (from, to int, ok bool) {
	defer in.hold()()
	for {
		if in.dead {
			return 0, 0, false
		}
		if !in.Pending() {
			if ok, _ := in.refill(nil); !ok {
				return 0, 0, false
			}
		}
		if !in.node.run.Aborted() {
			break
		}
		in.Pos++
		if m := metaOf(in.B, in.Pos); in.concerns(&m) {
			in.Pass(&m)
		}
	}
	from = in.Pos + 1
	to = min(from+most, in.end)
	in.Pos = to - 1
	return from, to, true
}

// Healthy reports whether the taken place i of B is healthy.
func (in *Inlet) Healthy(i int) bool { return in.B.Fault(i) == nil }

// rest accounts for all items that the stage has left in its inlet, and waits until the stages
// above have ended. The items count as failed if the stage ended with err, otherwise as filtered.
// If the stage wants no more, rest tells the stages above.
func (in *Inlet) rest(err error) {
	if in.parked != nil { // a goroutine that was left behind has the receiver's half until it wakes
		<-in.parked
	}
	in.takes = false   // the stage that took failures has returned
	if !in.Pending() { // an op may have seen the end of the stream
		in.finish()
		in.look()
	}
	if !in.over && err == nil {
		in.edge.forgo()
	}
	for {
		m, ok, _ := in.Next(nil)
		switch {
		case !ok:
			return
		case err != nil:
			in.Fail(m, in.Value(), err)
		default:
			in.Drop(m)
		}
	}
}

// AtHand goes to the next item at hand that concerns the stage, if there is one. It does not block.
func (in *Inlet) AtHand() (m Meta, ok bool) {
	defer in.hold()()
	for in.Pending() && !in.dead {
		in.Pos++
		if m = metaOf(in.B, in.Pos); in.concerns(&m) {
			return m, true
		}
	}
	return m, false
}

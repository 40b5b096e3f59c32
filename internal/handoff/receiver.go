package handoff

import "time"

// The methods of the receiver, which owns the receiver's half.

// Visits lets the sender do the receiver's work by a call of step, if the load says that an item is
// cheap.
func (e *Edge) Visits(step Step) { e.step = step }

// SetLoad sets the cost of an item for a visitor in nanoseconds. [Heavy] keeps visitors away.
func (e *Edge) SetLoad(load int64) { e.load.Store(load) }

// View returns published places of one batch that are not done yet. b is nil if there are none.
func (e *Edge) View() (b *Batch, from, to int) {
	for {
		b = e.head
		if to = b.count(); to > e.pos {
			return b, e.pos, to
		}
		next := b.next.Load()
		if next == nil {
			return nil, 0, 0
		}
		if to = b.count(); to > e.pos { // published between the loads of count and next
			return b, e.pos, to
		}
		e.head, e.pos = next, 0
		e.recycle(b)
	}
}

// Await is View, but blocks until there is an item or the stream has ended (b is nil).
func (e *Edge) Await() (b *Batch, from, to int) {
	for {
		if b, from, to = e.View(); b != nil {
			return b, from, to
		}
		if e.closed.Load() {
			return e.View()
		}
		e.Park(nil)
	}
}

// Park blocks until there may be an item, or until late delivers. It reports whether late did.
func (e *Edge) Park(late <-chan time.Time) (woken bool) {
	if !e.rest() {
		return false
	}
	defer e.slept()
	if late == nil { // a plain receive costs less than a select
		<-e.wake
		return false
	}
	select {
	case <-e.wake:
		return false
	case <-late:
		e.retake()
		return true
	}
}

// ParkEither is Park for the receiver of two edges.
func ParkEither(a, b *Edge, late <-chan time.Time) (woken bool) {
	if !a.rest() {
		return false
	}
	if !b.rest() {
		a.retake()
		return false
	}
	defer a.slept()
	defer b.slept()
	select {
	case <-a.wake:
		b.retake()
	case <-b.wake:
		a.retake()
	case <-late:
		a.retake()
		b.retake()
		woken = true
	}
	return woken
}

// slept books how long the receiver was parked.
func (e *Edge) slept() {
	if since := e.drySince.Swap(0); since != 0 {
		e.dry.Add(e.Clock.Now() - since)
	}
}

// rest stores hungry, which offers the receiver's work to visitors. If there is an item already it
// takes the work back and returns false.
func (e *Edge) rest() bool {
	b, seen := e.head, e.head.first+int64(e.pos)
	if e.Timed {
		e.drySince.Store(e.Clock.Now())
	}
	e.state.Store(hungry)
	// From here on a visitor may have the receiver's half and use b again for later items. Then the
	// position in b is larger, which is also a reason to look again.
	there := b.filled.Load() > seen || b.next.Load() != nil || e.closed.Load()
	if there && e.state.CompareAndSwap(hungry, busy) {
		e.drySince.Store(0)
		return false
	}
	return true
}

// retake takes the receiver's work back after rest, and waits for a visitor to leave. A visit may
// end between the two compare-and-swaps: then the loop tries again.
func (e *Edge) retake() {
	for !e.state.CompareAndSwap(hungry, busy) {
		if e.state.CompareAndSwap(visited, owed) || e.state.Load() == busy {
			<-e.wake // from a visitor that leaves, or from the sender that stored busy
			return
		}
	}
}

// Consume marks the next k places as done, which makes room.
func (e *Edge) Consume(k int) {
	if !e.keep {
		e.head.Vals.Clear(e.pos, e.pos+k)
	}
	e.pos += k
	e.took += int64(k)
	e.done.Store(e.took)
	if w := e.want.Load(); w != 0 && e.took >= w && e.want.CompareAndSwap(w, 0) {
		e.room <- struct{}{}
	}
}

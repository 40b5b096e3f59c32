package handoff

import "time"

// What the receiver calls. It owns the receiver's half.

// Visits lets the sender do the receiver's work by a call of step. It does so only if the load
// says that an item is cheap.
func (e *Edge) Visits(step Step) { e.step = step }

// SetLoad says what an item costs a visitor in nanoseconds, [Heavy] if no sender may visit.
func (e *Edge) SetLoad(load int64) { e.load.Store(load) }

// View returns the published places that are not done yet, of one batch, or nil.
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
		if to = b.count(); to > e.pos { // published just before it was followed
			return b, e.pos, to
		}
		e.head, e.pos = next, 0
		e.recycle(b)
	}
}

// Await is View that blocks until there is something, or the stream has ended (b is nil).
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

// Park blocks until there may be something, or late delivers, which it reports.
func (e *Edge) Park(late <-chan time.Time) (woken bool) {
	if !e.rest() {
		return false
	}
	defer e.slept()
	if late == nil { // a select costs more
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

// ParkEither is Park of the receiver of two edges.
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

// slept books how long the receiver was parked since rest.
func (e *Edge) slept() {
	if since := e.drySince.Swap(0); since != 0 {
		e.dry.Add(e.Clock.Now() - since)
	}
}

// rest gives the receiver's work away. It returns false, and has not, if there is
// something.
func (e *Edge) rest() bool {
	b, seen := e.head, e.head.first+int64(e.pos)
	if e.Timed {
		e.drySince.Store(e.Clock.Now())
	}
	e.state.Store(hungry)
	// From here on a visitor may have the receiver's half, and use b again for later items:
	// then its position is larger, which is also a reason to look again.
	there := b.filled.Load() > seen || b.next.Load() != nil || e.closed.Load()
	if there && e.state.CompareAndSwap(hungry, busy) {
		e.drySince.Store(0)
		return false
	}
	return true
}

// retake takes the receiver's work back after rest, and waits for a visitor. A visit may end
// between two of its looks: then there is nothing to wait for.
func (e *Edge) retake() {
	for !e.state.CompareAndSwap(hungry, busy) {
		if e.state.CompareAndSwap(visited, owed) || e.state.Load() == busy {
			<-e.wake // from a visitor that leaves, or from the sender that set busy
			return
		}
	}
}

// Consume says that the next k places are done, which makes room.
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

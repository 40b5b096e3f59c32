package guard

// Permit is the right to be in flight, given by [Guard.Acquire] and
// [Guard.TryAcquire]. It is a small value that may be copied and handed to
// another goroutine. The zero Permit is valid and holds nothing.
//
// A permit that is never released keeps its slot for good: defer the release,
// or use [Guard.Do].
type Permit struct {
	guard  *Guard
	ticket uint64
	slot   int
}

// Release gives the slot back, to the waiter at the head of the queue if there
// is one. It reports whether it did: only the first Release of a permit does,
// and every later one, also of a copy, also at the same moment in another
// goroutine, changes nothing and returns false. So does that of the zero Permit.
// It does not wait and allocates nothing.
func (p Permit) Release() bool {
	g := p.guard
	if g == nil {
		return false
	}
	g.mu.Lock()
	// Tickets are never used twice, so a copy of a permit whose slot has since
	// been given to somebody else does not fit either.
	if !g.slots.holds(p.slot, p.ticket) {
		g.mu.Unlock()
		return false
	}
	g.freeAndUnlock(p.slot)
	return true
}

// freeAndUnlock passes a slot on to the next waiter, or makes it free. It is
// called with the lock held and unlocks before it wakes or tells anybody.
func (g *Guard) freeAndUnlock(slot int) {
	if w := g.queue.pop(); w != nil {
		// The depth stands: the slot is never free in between.
		g.slots.reserve(slot)
		w.slot = slot
		g.mu.Unlock()
		w.granted <- struct{}{}
		return
	}
	g.slots.put(slot)
	g.depth--
	if g.depth == 0 {
		g.queue.forget()
	}
	if g.depth != g.soft.at-1 {
		g.mu.Unlock()
		return
	}
	g.soft.note()
	g.mu.Unlock()
	g.tell()
}

package guard

// How a wait ends. A waiter is granted under the lock, when it gets its slot, and
// hears of it by the token, after the unlock. In between its context may end:
//
//	Release: lock, pop w, w.slot = 3, unlock       w.granted <- token
//	Acquire:                                 ctx.Done            leave: lock, sees w.slot = 3
//
// The slot then belongs to a caller who does not want it, and goes on to the next.

// accept turns a grant into a permit. The ticket is drawn only here, so that a
// grant which nobody wanted is never counted as an admission.
func (g *Guard) accept(w *waiter) Permit {
	g.mu.Lock()
	g.admitted++
	p := Permit{guard: g, ticket: g.admitted, slot: w.slot}
	g.slots.assign(p.slot, p.ticket)
	g.queue.retire(w)
	g.mu.Unlock()
	return p
}

// leave ends the wait of a caller whose context is over.
func (g *Guard) leave(w *waiter, err error) error {
	g.mu.Lock()
	if w.slot != noSlot {
		g.mu.Unlock()
		// The token is sent or about to be: nothing but an unlock lies
		// between the grant and the send.
		<-w.granted
		return g.handBack(w, err)
	}
	g.queue.remove(w)
	g.queue.retire(w)
	g.cancelled++
	g.mu.Unlock()
	return &WaitError{Name: g.name, Err: err}
}

// handBack passes on the slot of a grant that came too late.
func (g *Guard) handBack(w *waiter, err error) error {
	g.mu.Lock()
	slot := w.slot
	g.queue.retire(w)
	g.cancelled++
	g.freeAndUnlock(slot)
	return &WaitError{Name: g.name, Err: err}
}

// refuse counts a caller whose context was over when it came.
func (g *Guard) refuse(err error) error {
	g.mu.Lock()
	g.cancelled++
	g.mu.Unlock()
	return &WaitError{Name: g.name, Err: err}
}

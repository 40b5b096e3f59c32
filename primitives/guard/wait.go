package guard

// How a wait ends. A waiter gets its permit, or its error, under the lock, and
// hears of it by the token, after the unlock. In between its context may end:
//
//	Release: lock, take w out, w.permit = p, unlock       w.told <- token
//	Acquire:                                       ctx.Done         leave: lock, w is out
//
// The permit then belongs to a caller who does not want it, and goes on to the next.

// accept takes the permit. Only here it counts as an admission, so that a grant
// which nobody wanted never does.
func (g *Guard) accept(w *waiter) Permit {
	p := w.permit
	w.gone.Store(accepted)
	return p
}

// sentOff takes the error of a waiter that the guard has sent away, and counted.
func (g *Guard) sentOff(w *waiter) error {
	err := w.err
	w.gone.Store(declined)
	return err
}

// leave ends the wait of a caller whose context is over.
func (g *Guard) leave(w *waiter, err error) error {
	now := g.clock()
	g.mu.Lock()
	if !w.queued {
		g.mu.Unlock()
		// The token is sent or about to be: nothing but an unlock lies
		// between the end of the wait and the send.
		<-w.told
		if w.err != nil {
			return g.sentOff(w)
		}
		return g.handBack(w, err)
	}
	g.queue.remove(w)
	g.queue.exits.retire(w)
	g.cancelled++
	g.finish(now) // who was behind a heavy call may fit
	return &WaitError{Name: g.name, Err: err}
}

// handBack passes on the permit of a grant that came too late.
func (g *Guard) handBack(w *waiter, err error) error {
	now := g.clock()
	g.mu.Lock()
	g.cancelled++
	p := w.permit
	w.gone.Store(declined)
	g.takeBack(p)
	g.finish(now)
	return &WaitError{Name: g.name, Err: err}
}

// refuse counts a caller whose context was over when it came.
func (g *Guard) refuse(err error) error {
	g.mu.Lock()
	g.cancelled++
	g.mu.Unlock()
	return &WaitError{Name: g.name, Err: err}
}

package guard

// How a wait ends. A waiter gets its permit, or its error, under the lock. It learns of
// it by the token, after the unlock. In between, its context may end:
//
//	Release: lock, take w out, w.permit = p, unlock       w.told <- token
//	Acquire:                                       ctx.Done         leave: lock, w is out
//
// The permit then belongs to a call that has given up. It goes to the next waiter.

// accept takes the permit of a waiter. Only here it counts as an admission: a permit
// that arrives after its call has given up does not count.
func (g *Guard) accept(w *waiter) Permit {
	p := w.permit
	w.gone.Store(accepted)
	return p
}

// sentOff takes the error of a waiter whose wait the guard has ended. The error is counted already.
func (g *Guard) sentOff(w *waiter) error {
	err := w.err
	w.gone.Store(declined)
	return err
}

// leave ends the wait of a call whose context has ended.
func (g *Guard) leave(w *waiter, err error) error {
	now := g.clock()
	g.mu.Lock()
	if !w.queued {
		g.mu.Unlock()
		// The token is sent, or is about to be: between the end of the wait and the
		// send there is only an unlock.
		<-w.told
		if w.err != nil {
			return g.sentOff(w)
		}
		return g.handBack(w, err)
	}
	g.queue.remove(w)
	g.queue.exits.retire(w)
	g.cancelled++
	g.finish(now) // a call behind a heavy one may fit
	return &WaitError{Name: g.name, Err: err}
}

// handBack gives the permit of a call that has given up to the next waiter.
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

// refuse counts a call whose context had ended when it came.
func (g *Guard) refuse(err error) error {
	g.mu.Lock()
	g.cancelled++
	g.mu.Unlock()
	return &WaitError{Name: g.name, Err: err}
}

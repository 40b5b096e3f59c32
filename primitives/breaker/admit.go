package breaker

import "time"

// recheck is how many rejections in a row may go by without a look at the
// clock. It matters only where the alarm that should have ended them never
// comes, as in a breaker that was opened in a synctest bubble and outlives it.
const recheck = 256

// refused returns the rejection that needs no look at the clock, or nil where
// there is none. It is there in state Open alone (see shift).
func (b *Breaker) refused() *OpenError {
	r := b.blind.Load()
	if r == nil {
		return nil
	}
	return b.turned(r)
}

// turned counts the rejection r. It returns nil if it is time for a look at the
// clock.
func (b *Breaker) turned(r *OpenError) *OpenError {
	if b.rejected.Load()%recheck == recheck-1 {
		return nil
	}
	b.rejected.Add(1)
	return r
}

// admit is Allow for a breaker that is not plainly closed.
func (b *Breaker) admit() (Token, error) {
	if r := b.refused(); r != nil {
		return Token{}, r
	}
	// It goes round again only where the state has changed in between.
	for {
		if w := b.load(); w.state() == Closed {
			if t, r, ok := b.pass(w); ok {
				return b.answer(t, r)
			}
			continue
		}
		now := b.now()
		if r := b.reject.Load(); r != nil && now < r.until {
			b.doubt(now)
			return b.answer(Token{}, r)
		}
		if t, r, ok := b.probe(now); ok {
			return b.answer(t, r)
		}
	}
}

// answer is the end of admit: a token, or a rejection where r is not nil. The
// call that a shadow lets pass has no token, so that it counts for nothing.
func (b *Breaker) answer(t Token, r *OpenError) (Token, error) {
	if r == nil {
		return t, nil
	}
	b.rejected.Add(1)
	if b.inMode() == Shadow {
		return Token{}, nil
	}
	return Token{}, r
}

// pass admits a call in state Closed. It is not ok where the state has changed.
func (b *Breaker) pass(w word) (t Token, r *OpenError, ok bool) {
	t = Token{stamp: w.stamp()}
	if !w.gated() {
		return t, nil, true
	}
	if b.inMode() == Disabled {
		return Token{}, nil, true
	}
	held := b.ramp.end.Load() != 0 && b.heldBack()
	switch {
	case b.hung != nil:
		return b.depart(w, held)
	case held:
		return Token{}, b.ramp.held, true
	case b.slow != nil:
		t.mark = startMark(b.now())
	}
	return t, nil, true
}

// depart admits a call that is watched while it runs, unless too many hang or the
// ramp holds it back.
func (b *Breaker) depart(w word, held bool) (t Token, r *OpenError, ok bool) {
	b.mu.Lock()
	defer b.unlock()
	if b.load().stamp() != w.stamp() {
		return Token{}, nil, false
	}
	// Read under the lock, so that flights begin in order.
	now := b.now()
	if b.hanging(now) {
		b.move(move{to: Open, cause: Threshold, rule: b.hung})
		return Token{}, nil, false
	}
	if held {
		return Token{}, b.ramp.held, true
	}
	return Token{stamp: w.stamp(), mark: b.flights.depart(now)}, nil, true
}

// hanging reports that the Hung rule is met. Called with mu held.
func (b *Breaker) hanging(now time.Duration) bool {
	return b.hung != nil && b.flights.overdue(now-b.hung.slow) >= b.hung.n
}

// probe admits a call in state HalfOpen, if a slot is free and the gate agrees.
// It is not ok where the state is Closed by now.
func (b *Breaker) probe(now time.Duration) (t Token, r *OpenError, ok bool) {
	t, r, ok = b.takeSlot(now)
	if t.stamp == 0 || b.policy.gate == nil || b.inMode() == Shadow {
		return t, r, ok
	}
	// The slot is taken first and given back after, rather than looked at first
	// and taken after: so nobody comes between.
	if wait := b.ask(); wait > 0 {
		return Token{}, b.turnAway(t, wait), true
	}
	return t, nil, true
}

func (b *Breaker) takeSlot(now time.Duration) (t Token, r *OpenError, ok bool) {
	b.mu.Lock()
	defer b.unlock()
	b.ripen(now)
	w := b.load()
	if w.state() == Closed {
		return Token{}, nil, false
	}
	if w.state() == Open {
		return Token{}, b.reject.Load(), true
	}
	id := b.probes.take(now, b.policy.probes, b.policy.lease)
	if len(b.probes.out) == b.policy.probes {
		r = b.refuse(HalfOpen, b.probes.out[0].end)
	}
	if id == 0 {
		return Token{}, r, true
	}
	return Token{stamp: w.stamp(), mark: id}, nil, true
}

// ask runs the gate. A panic lets the probe through: rather one probe too many
// than a breaker that a broken gate keeps open.
func (b *Breaker) ask() (wait time.Duration) {
	defer func() {
		if recover() != nil {
			b.mu.Lock()
			b.changes.panics++
			b.mu.Unlock()
			wait = 0
		}
	}()
	return b.policy.gate()
}

// turnAway gives the slot of t back and keeps others from asking for a while.
func (b *Breaker) turnAway(t Token, wait time.Duration) *OpenError {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.newRejection(HalfOpen, later(b.now(), wait))
	if b.load().stamp() == t.stamp {
		b.probes.end(t.mark)
		b.reject.Store(r)
	}
	return r
}

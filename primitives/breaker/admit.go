package breaker

import "time"

// recheck is how many rejections in a row go without a look at the clock. It matters only
// if the alarm that ends them never rings, as for a breaker that was opened in a synctest
// bubble and outlives it.
const recheck = 256

// refused returns the rejection that needs no look at the clock, or nil.
//
// Invariant: there is one in state Open alone (see shift).
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
	if err := b.Err(); err != nil {
		return Token{}, err
	}
	if r := b.refused(); r != nil {
		return Token{}, r
	}
	// The loop goes round again only if the state has changed in between.
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

// answer is the end of admit: it returns a token, or a rejection if r is not nil. A call that a
// shadow lets pass gets the zero token, so it counts for nothing.
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

// pass admits a call in state Closed. ok is false if the state has changed.
func (b *Breaker) pass(w word) (t Token, r *OpenError, ok bool) {
	t = Token{stamp: w.stamp()}
	if w.free() {
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

// depart admits a call that is watched while it runs, unless too many calls hang or the
// ramp holds the call back.
func (b *Breaker) depart(w word, held bool) (t Token, r *OpenError, ok bool) {
	b.mu.Lock()
	defer b.unlock()
	if b.load().stamp() != w.stamp() {
		return Token{}, nil, false
	}
	// Ordering: the clock is read under the lock, so flights begin in order.
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

// hanging reports whether the Hung rule is met.
//
// Guarded by: mu.
func (b *Breaker) hanging(now time.Duration) bool {
	return b.hung != nil && b.flights.overdue(now-b.hung.slow) >= b.hung.n
}

// probe admits a call in state HalfOpen, if a place is free and the gate agrees. ok is false if the
// state is Closed by now.
func (b *Breaker) probe(now time.Duration) (t Token, r *OpenError, ok bool) {
	t, r, ok = b.takeSlot(now)
	if t.stamp == 0 || b.policy.gate == nil || b.inMode() == Shadow {
		return t, r, ok
	}
	// The place is taken first and given back if the gate refuses. If it was taken
	// afterwards, another call could take it while the gate is asked.
	if wait := b.ask(t); wait > 0 {
		return Token{}, b.turnAway(t, wait), true
	}
	return t, nil, true
}

// takeSlot takes the place of a probe and then shows the hooks what has changed. A hook
// that calls runtime.Goexit ends the goroutine of the call, so the place is given back.
func (b *Breaker) takeSlot(now time.Duration) (t Token, r *OpenError, ok bool) {
	b.mu.Lock()
	t, r, ok = b.slot(now)
	returned := false
	defer func() {
		if !returned {
			b.giveBack(t)
		}
	}()
	b.unlock()
	returned = true
	return t, r, ok
}

// slot takes the place of a probe.
//
// Guarded by: mu.
// Must not: run user code.
func (b *Breaker) slot(now time.Duration) (t Token, r *OpenError, ok bool) {
	b.ripen(now)
	w := b.load()
	if w.state() == Closed {
		return Token{}, nil, false
	}
	if w.state() == Open {
		return Token{}, b.reject.Load(), true
	}
	if b.spentProbes() {
		return Token{}, b.refuse(HalfOpen, b.probes.until()), true
	}
	id := b.probes.take(now, b.policy.probes, b.policy.lease)
	switch {
	case b.spentProbes():
		r = b.refuse(HalfOpen, b.probes.until())
	case len(b.probes.out) == b.policy.probes:
		r = b.refuse(HalfOpen, b.probes.out[0].end)
	}
	if id == 0 {
		return Token{}, r, true
	}
	return Token{stamp: w.stamp(), mark: id}, nil, true
}

// ask runs the gate for the probe of t. A panic lets the probe through: one probe too
// many is better than a breaker that a broken gate keeps open. If the gate calls
// runtime.Goexit, the goroutine of the probe ends, and the place is given back.
func (b *Breaker) ask(t Token) (wait time.Duration) {
	returned := false
	defer func() {
		switch {
		case returned:
		case recover() != nil:
			b.mu.Lock()
			b.changes.panics++
			b.mu.Unlock()
			wait = 0
		default:
			b.giveBack(t)
		}
	}()
	wait = b.policy.gate()
	returned = true
	return wait
}

// turnAway gives back the place of t, and makes other calls fail for some time without asking the
// gate.
func (b *Breaker) turnAway(t Token, wait time.Duration) *OpenError {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.newRejection(HalfOpen, later(b.now(), wait))
	if b.load().stamp() == t.stamp {
		b.probes.unmade(t.mark)
		b.reject.Store(r)
	}
	return r
}

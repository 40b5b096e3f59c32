package breaker

import "time"

// looks is how many breakers room looks at to make room for one. A breaker that has to
// stay goes to the end of the ring, so the next look for room sees others. No call looks
// at all of them.
const looks = 8

// room makes room for one more breaker, and reports whether there is any.
//
// Guarded by: mu.
func (r *Registry[K]) room() bool {
	for range looks {
		if len(r.entries) < r.limit {
			break
		}
		e := r.root.next
		if e.pins == 0 && e.breaker.fresh() {
			r.forget(e)
		} else {
			r.last(e)
		}
	}
	return len(r.entries) < r.limit
}

// retireIdle looks at the breaker that was not used for longest. One look for each use of
// the registry is enough, since a use adds at most one breaker.
//
// Guarded by: mu.
func (r *Registry[K]) retireIdle(now time.Duration) {
	e := r.root.next
	if e == &r.root || now-e.used < r.idle {
		return
	}
	if e.pins == 0 && e.breaker.expendable() {
		r.forget(e)
	} else {
		r.last(e)
	}
}

// forget removes e and adds its counts to the tally.
//
// Guarded by: mu.
func (r *Registry[K]) forget(e *entry[K]) {
	delete(r.entries, e.key)
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
	r.gone.add(e.breaker)
	r.gone.number++
}

// fresh reports whether a new breaker could take the place of b: b is closed, no rule has
// counted anything bad, and no healthy period is under way.
func (b *Breaker) fresh() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, w := b.now(), b.load()
	switch {
	case b.inMode() != b.policy.mode:
		return false // it was set by hand
	case b.inMode().fixed():
		return true
	}
	return w.state() == Closed && w.failures() == 0 &&
		b.flights.first == 0 && b.told <= now && time.Duration(b.ramp.end.Load()) <= now &&
		(b.openings == 0 || now-b.closedAt >= b.policy.opening.healthy) &&
		b.spotless(now)
}

// spotless reports whether the rules with a memory remember nothing bad.
func (b *Breaker) spotless(now time.Duration) bool {
	e := b.epoch.Load()
	if e == nil {
		return true
	}
	for _, r := range e.rings {
		if bad, _ := r.sum(now); bad > 0 {
			return false
		}
	}
	for _, l := range e.lasts {
		if l.bad.Load() > 0 {
			return false
		}
	}
	for _, r := range e.times {
		if r.count(now) > 0 {
			return false
		}
	}
	return true
}

// expendable reports whether an idle b may be forgotten: it is not open, and its mode was
// not set by hand.
func (b *Breaker) expendable() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inMode() != b.policy.mode {
		return false
	}
	return b.inMode().fixed() || b.stateAt(b.load(), b.now()) != Open
}

package breaker

import "time"

// looks is how many breakers are looked at to make room for one. Those that have
// to stay go to the end of the ring, so that the next one who needs room looks at
// others: nobody has to look at all.
const looks = 8

// room makes room for one more. Called with mu held.
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

// retireIdle looks at the breaker that has not been used for longest. One for each
// use of the registry is enough, since a use adds at most one. Called with mu
// held.
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

// forget is called with mu held.
func (r *Registry[K]) forget(e *entry[K]) {
	delete(r.entries, e.key)
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
	r.gone.add(e.breaker)
	r.gone.number++
}

// fresh reports that a new breaker would be no worse: b is closed, no rule has
// counted anything bad, and no healthy period has to be waited for.
func (b *Breaker) fresh() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, w := b.now(), b.load()
	switch {
	case b.inMode() != b.policy.mode:
		return false // somebody's decision
	case b.inMode().fixed():
		return true
	}
	return w.state() == Closed && w.failures() == 0 &&
		b.flights.first == 0 && b.told <= now && time.Duration(b.ramp.end.Load()) <= now &&
		(b.openings == 0 || now-b.closedAt >= b.policy.opening.healthy) &&
		b.spotless(now)
}

// spotless reports that the rules with a memory remember nothing bad.
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
	return true
}

// expendable reports that b may go if nobody has used it for long: it is not open,
// and in no mode that somebody has set.
func (b *Breaker) expendable() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inMode() != b.policy.mode {
		return false
	}
	return b.inMode().fixed() || b.stateAt(b.load(), b.now()) != Open
}

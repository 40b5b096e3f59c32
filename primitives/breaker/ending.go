package breaker

import "time"

// count is the end of a call that says something about the service.
func (b *Breaker) count(t Token, failed bool) {
	switch w := b.load(); {
	case w.stamp() != t.stamp:
		b.stale.Add(1)
	case w.state() == HalfOpen:
		b.judge(t, failed)
	case w.state() == Open:
	case w.watched() && b.measure(t, failed):
	case failed:
		b.fail(t)
	default:
		b.succeed(t)
	}
}

// succeeded is count(t, false) where t, which may be zero, is not settled. A call
// that a single window watches, after a success, is dealt with here: a detour would
// be a tenth of what it costs.
func (b *Breaker) succeeded(t Token) {
	if t.stamp == 0 {
		return
	}
	if e := b.epoch.Load(); e != nil && e.only != nil && b.load() == t.stamp|watchedBit && e.stamp == t.stamp {
		e.only.add(b.now(), false)
		return
	}
	b.count(t, false)
}

// succeed ends a row of failures.
func (b *Breaker) succeed(t Token) {
	for {
		w := b.load()
		if w.stamp() != t.stamp {
			b.stale.Add(1)
			return
		}
		if w.failures() == 0 || b.word.CompareAndSwap(uint64(w), uint64(w&^failureMask)) {
			return
		}
	}
}

// fail adds to a row of failures.
func (b *Breaker) fail(t Token) {
	for {
		w := b.load()
		switch {
		case w.stamp() != t.stamp:
			b.stale.Add(1)
			return
		case b.threshold > 0 && w.failures()+1 >= b.threshold:
			if b.openFrom(w) {
				return
			}
		case b.word.CompareAndSwap(uint64(w), uint64(w.failed())):
			return
		}
	}
}

// openFrom is the failure that reaches the threshold. It fails, and changes
// nothing, where another failure or success came between.
func (b *Breaker) openFrom(w word) bool {
	b.mu.Lock()
	defer b.unlock()
	row := rule{kind: inARow, n: b.threshold}
	return b.shift(w, move{to: Open, cause: Threshold, failed: 1, rule: &row})
}

// measure shows the end of a call to the rules with a window, and takes it out
// of the flights. It reports whether that was all there is to do: the breaker
// has opened, here or elsewhere.
func (b *Breaker) measure(t Token, failed bool) bool {
	m := measured{failed: failed}
	var begun time.Duration
	if b.hung != nil {
		begun, m.timed = b.arrive(t)
	} else if t.mark != 0 {
		begun, m.timed = t.started(), true
	}
	e := b.epoch.Load()
	if e == nil {
		return false
	}
	if e.stamp != t.stamp {
		// Too late; or so early that the transition has not stored the epoch yet.
		b.mu.Lock()
		e = b.epoch.Load()
		b.mu.Unlock()
		if e.stamp != t.stamp {
			b.stale.Add(1)
			return true
		}
	}
	var now time.Duration
	if len(e.rings) > 0 {
		now = b.now()
		m.took = now - begun
	}
	met := e.add(now, m)
	if met == nil {
		return false
	}
	b.openOn(t, met, failed)
	return true
}

// openOn opens the generation of t, if it is still the present one: who met the
// rule at the same time may have done so.
func (b *Breaker) openOn(t Token, met *rule, failed bool) {
	b.mu.Lock()
	defer b.unlock()
	m := move{to: Open, cause: Threshold, rule: met}
	if failed {
		m.failed = 1
	}
	for w := b.load(); w.stamp() == t.stamp; w = b.load() {
		if b.shift(w, m) {
			return
		}
	}
}

func (b *Breaker) arrive(t Token) (begun time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.load().stamp() != t.stamp {
		return 0, false
	}
	return b.flights.arrive(t.mark)
}

// judge counts the end of a probe. Any probe of the generation counts, also one
// that has outlived its lease: it knows more about the service than nobody. If
// results of overtaken probes were dropped instead, a service that answers more
// slowly than the lease would never be found to be up.
func (b *Breaker) judge(t Token, failed bool) {
	b.mu.Lock()
	defer b.unlock()
	w := b.load()
	if w.stamp() != t.stamp {
		b.stale.Add(1) // the probes decided between the caller's look and the lock
		return
	}
	if t.mark != 0 {
		l, ok := b.probes.end(t.mark)
		if !ok {
			b.stale.Add(1) // a copy of its token came first, or very many probes
			return
		}
		failed = failed || b.slow != nil && b.now()-l.begun >= b.slow.slow
	}
	p := &b.probes
	if failed {
		p.failed++
	} else {
		p.passed++
	}
	switch {
	case p.passed >= b.policy.passes:
		b.shift(w, move{to: Closed, cause: Probe})
	case p.failed > b.policy.of-b.policy.passes:
		b.shift(w, move{to: Open, cause: Probe, failed: p.failed})
	default:
		b.reject.Store(nil) // a slot is free
	}
}

// ignore gives back what t holds, and changes nothing else.
func (b *Breaker) ignore(t Token) {
	w := b.load()
	if w.stamp() != t.stamp {
		b.stale.Add(1)
		return
	}
	switch {
	case w.state() == Closed && b.hung != nil:
		b.arrive(t)
	case w.state() == HalfOpen:
		b.mu.Lock()
		defer b.mu.Unlock()
		// The ids of probes are never reused: no check of the stamp is needed to
		// see that the slot given back is the one of t.
		if _, ok := b.probes.end(t.mark); ok {
			b.reject.Store(nil)
		}
	}
}

// hear keeps the time for which the service asked to be left alone, the latest
// one, until the breaker opens or closes.
func (b *Breaker) hear(t Token, after time.Duration) {
	after = min(after, b.policy.opening.obey)
	if after <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.load().stamp() == t.stamp {
		b.told = max(b.told, later(b.now(), after))
	}
}

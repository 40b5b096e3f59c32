package breaker

import (
	"fmt"
	"time"
)

// count is the end of a call that says something about the service. failure is
// nil for a success.
func (b *Breaker) count(t Token, failure error) {
	switch w := b.load(); {
	case w.stamp() != t.stamp:
		b.stale.Add(1)
	case w.state() == HalfOpen:
		b.judge(t, failure)
	case w.state() == Open:
	case (w.watched() || failure != nil && b.recalls) && b.measure(t, failure):
	case failure != nil:
		b.fail(t, failure)
	default:
		b.succeed(t)
	}
}

// succeeded is count(t, nil) for a token, maybe zero, that is not settled. A success that
// a single window watches is counted here: a call of count would be a tenth of its cost.
func (b *Breaker) succeeded(t Token) {
	if t.stamp == 0 {
		return
	}
	if e := b.epoch.Load(); e != nil && e.only != nil && b.load() == t.stamp|watchedBit|freeBit && e.stamp == t.stamp {
		e.only.add(b.now(), false)
		return
	}
	b.count(t, nil)
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
func (b *Breaker) fail(t Token, failure error) {
	for {
		w := b.load()
		switch {
		case w.stamp() != t.stamp:
			b.stale.Add(1)
			return
		case b.threshold > 0 && w.failures()+1 >= b.threshold:
			if b.openFrom(w, failure) {
				return
			}
		case b.word.CompareAndSwap(uint64(w), uint64(w.failed())):
			return
		}
	}
}

// openFrom opens b by the failure that reaches the threshold. It fails, and changes
// nothing, if another failure or success was counted in between.
func (b *Breaker) openFrom(w word, failure error) bool {
	b.mu.Lock()
	defer b.unlock()
	row := rule{kind: inARow, n: b.threshold}
	return b.shift(w, move{to: Open, cause: Threshold, failed: 1, rule: &row, failure: failure})
}

// measure shows the end of a call to the rules with a memory, and takes the call out of
// the flights. It reports whether the breaker has opened, here or elsewhere, so that
// nothing is left to count.
func (b *Breaker) measure(t Token, failure error) bool {
	m := measured{failed: failure != nil}
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
		// The outcome is too late, or so early that the transition has not stored the
		// epoch yet. The lock waits for the transition.
		b.mu.Lock()
		e = b.epoch.Load()
		b.mu.Unlock()
		if e.stamp != t.stamp {
			b.stale.Add(1)
			return true
		}
	}
	var now time.Duration
	if len(e.rings)+len(e.times) > 0 {
		now = b.now()
		m.took = now - begun
	}
	met := e.add(now, m)
	if met == nil {
		return false
	}
	b.openOn(t, met, failure)
	return true
}

// openOn opens the breaker, if the generation of t is still the present one. Another call
// that met the rule at the same time can have opened it.
func (b *Breaker) openOn(t Token, met *rule, failure error) {
	b.mu.Lock()
	defer b.unlock()
	m := move{to: Open, cause: Threshold, rule: met, failure: failure}
	if failure != nil {
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

// judge counts the end of a probe. Any probe of the generation counts, also one that has
// outlived its lease. If such results were dropped, a service that answers more slowly
// than the lease would never be found to be up.
func (b *Breaker) judge(t Token, failure error) {
	b.mu.Lock()
	defer b.unlock()
	w := b.load()
	if w.stamp() != t.stamp {
		b.stale.Add(1) // the probes have decided before the lock was taken
		return
	}
	if t.mark != 0 {
		l, ok := b.probes.end(t.mark)
		if !ok {
			b.stale.Add(1) // a copy of its token came first, or too many probes overtook it
			return
		}
		if failure == nil && b.slow != nil && b.now()-l.begun >= b.slow.slow {
			failure = fmt.Errorf("it took %v or longer", b.slow.slow)
		}
	}
	p := &b.probes
	if failure != nil {
		p.failed++
	} else {
		p.passed++
	}
	switch {
	case p.passed >= b.policy.passes:
		b.shift(w, move{to: Closed, cause: Probe})
	case p.failed > b.policy.of-b.policy.passes:
		b.shift(w, move{to: Open, cause: Probe, failed: p.failed, failure: failure})
	default:
		b.freed()
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
		defer b.unlock()
		// Invariant: the ids of probes are never reused, so the place that is given
		// back is that of t, whatever the generation.
		if _, ok := b.probes.end(t.mark); ok {
			b.freed()
		}
	}
}

// giveBack is for a probe that was admitted and not made. The zero Token is none.
func (b *Breaker) giveBack(t Token) {
	b.mu.Lock()
	defer b.unlock()
	if b.probes.unmade(t.mark) {
		b.freed()
	}
}

// freed lets the next call look for a place, since one has become free.
//
// Guarded by: mu.
func (b *Breaker) freed() {
	if !b.undecided(b.now()) {
		b.reject.Store(nil)
		return
	}
	b.reopen()
}

// spentProbes reports whether [ProbeLimit] lets no further probe through.
//
// Guarded by: mu.
func (b *Breaker) spentProbes() bool {
	return b.policy.limit > 0 && b.probes.made >= b.policy.limit
}

// undecided reports whether all probes of [ProbeLimit] have ended or outlived their
// leases. It is asked in state HalfOpen, when they have not decided.
//
// Guarded by: mu.
func (b *Breaker) undecided(now time.Duration) bool {
	return b.spentProbes() && b.probes.until() <= now
}

// reopen opens the breaker after probes that have left it undecided.
//
// Guarded by: mu.
func (b *Breaker) reopen() { b.move(move{to: Open, cause: Probe, failure: errUndecided}) }

// hear keeps the end of the pause that the service asks for, the latest one, until the
// breaker opens or closes.
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

package breaker

import (
	"math"
	"time"
)

// shift is the only way to another state, or to another generation of the same
// one. Called with mu held. It fails, and changes nothing, where from is no
// longer the word: in state Closed failures are counted without the lock.
func (b *Breaker) shift(from word, to State, failures int, cause Cause) bool {
	if !b.word.CompareAndSwap(uint64(from), uint64(from.next(to, failures))) {
		return false
	}
	// Allow may see the new word together with the old rejection, here and, in
	// state HalfOpen, until the slots are taken. That rejection has run out by then
	// (an open one ends when HalfOpen begins), which sends Allow to mu, or it is
	// the answer of an instant ago.
	b.probes.clear()
	if to == Open {
		b.until = later(b.now(), b.policy.recovery)
		b.refuse(Open, b.until)
	}
	if b.policy.onChange != nil && from.state() != to {
		b.changes.pending = append(b.changes.pending, Change{
			Name: b.policy.name, From: from.state(), To: to, At: time.Now(), Cause: cause,
		})
	}
	return true
}

// refuse makes the error that Allow hands out until the given time.
func (b *Breaker) refuse(s State, until time.Duration) {
	b.reject.Store(&OpenError{Name: b.policy.name, State: s, base: b.base, until: until})
}

// ripen makes an open breaker half-open where its window is over. Called with
// mu held.
func (b *Breaker) ripen(now time.Duration) {
	if w := b.load(); w.state() == Open && now >= b.until {
		b.shift(w, HalfOpen, w.failures(), Elapsed)
	}
}

// admit is Allow for a breaker that is not closed.
func (b *Breaker) admit() (Token, error) {
	now := b.now()
	if r := b.reject.Load(); r != nil && now < r.until {
		b.rejected.Add(1)
		return Token{}, r
	}
	b.mu.Lock()
	defer b.unlock()
	b.ripen(now)
	w := b.load()
	if w.state() == Closed {
		return Token{stamp: w.stamp()}, nil
	}
	if w.state() == HalfOpen {
		if id := b.probes.take(now, b.policy.probes, b.policy.lease); id != 0 {
			if len(b.probes.out) == b.policy.probes {
				b.refuse(HalfOpen, b.probes.out[0].end)
			}
			return Token{stamp: w.stamp(), probe: id}, nil
		}
	}
	b.rejected.Add(1)
	return Token{}, b.reject.Load()
}

// succeed counts a success for the generation of t.
func (b *Breaker) succeed(t Token) {
	for {
		w := b.load()
		switch {
		case w.stamp() != t.stamp:
			b.stale.Add(1)
			return
		case w.state() == HalfOpen:
			b.decide(t, Closed)
			return
		case w.state() == Open || w.failures() == 0 || b.word.CompareAndSwap(uint64(w), uint64(w.stamp())):
			return
		}
	}
}

// fail counts a failure for the generation of t.
func (b *Breaker) fail(t Token) {
	for {
		w := b.load()
		switch {
		case w.stamp() != t.stamp:
			b.stale.Add(1)
			return
		case w.state() == HalfOpen:
			b.decide(t, Open)
			return
		case w.state() == Open:
			return
		case w.failures()+1 >= b.policy.failures:
			if b.open(w) {
				return
			}
		case b.word.CompareAndSwap(uint64(w), uint64(w+failureUnit)):
			return
		}
	}
}

// open is the failure that reaches the threshold.
func (b *Breaker) open(from word) bool {
	b.mu.Lock()
	defer b.unlock()
	return b.shift(from, Open, from.failures()+1, Threshold)
}

// decide ends the half-open generation of t. Any token of it may: also a probe
// that has outlived its lease knows more about the service than nobody. If
// results of overtaken probes were dropped instead, a service that answers more
// slowly than the lease would never be found to be up.
func (b *Breaker) decide(t Token, to State) {
	b.mu.Lock()
	defer b.unlock()
	w := b.load()
	if w.stamp() != t.stamp {
		b.stale.Add(1) // another probe decided between the caller's look and the lock
		return
	}
	failures := 0
	if to == Open {
		failures = w.failures() + 1
	}
	b.shift(w, to, failures, Probe)
}

// ignore gives back the slot of t, if it has one, and changes nothing else.
func (b *Breaker) ignore(t Token) {
	w := b.load()
	if w.stamp() != t.stamp {
		b.stale.Add(1)
		return
	}
	if w.state() != HalfOpen {
		return
	}
	b.mu.Lock()
	defer b.unlock()
	// The ids of probes are never reused: no check of the stamp is needed to see
	// that the slot given back is the one of t.
	if b.probes.free(t.probe) {
		b.reject.Store(nil)
	}
}

// later is now+d, saturating: a window near MaxInt64 means for ever.
func later(now, d time.Duration) time.Duration {
	if now > math.MaxInt64-d {
		return math.MaxInt64
	}
	return now + d
}

package breaker

import (
	"math"
	"time"
)

// forEver is an open time that does not end.
const forEver time.Duration = math.MaxInt64

// move is a transition that is wanted.
type move struct {
	to      State
	cause   Cause
	rule    *rule // that was met
	failed  int   // failures that the move itself is made of
	outside bool  // open is told; it is computed otherwise
	open    time.Duration
	ramps   bool // closes as probes do
}

// shift is the only way to another state, or to another generation of the same
// one. Called with mu held. It fails, and changes nothing, where from is no
// longer the word: in state Closed failures are counted without the lock.
func (b *Breaker) shift(from word, m move) bool {
	now := b.now()
	next := b.nextWord(from, m, now)
	// Before the word: a rejection without a look at the clock must never be found
	// in a state that it does not belong to. It exists in state Open alone, where
	// the swap below can not fail.
	b.blind.Store(nil)
	if !b.word.CompareAndSwap(uint64(from), uint64(next)) {
		return false
	}
	// Allow may see the new word together with the old rejection, here and, in
	// state HalfOpen, until the slots are taken. That rejection has run out by then
	// (an open one ends when HalfOpen begins), which sends Allow to mu, or it is
	// the answer of an instant ago.
	b.probes.clear()
	b.flights.clear()
	var open time.Duration
	switch m.to {
	case Open:
		b.ramp.end.Store(0)
		open = b.beginOpen(from, m, now)
	case Closed:
		b.closedAt, b.told = now, 0
		if m.cause == Manual && !m.ramps {
			b.openings = 0
		}
		b.remember(next, now)
	}
	b.announce(from.state(), m, open)
	return true
}

// nextWord also sets up the ramp, which has to be there when the word is.
func (b *Breaker) nextWord(from word, m move, now time.Duration) word {
	if m.to != Closed {
		return from.next(m.to, from.failures()+m.failed)
	}
	next := from.next(Closed, 0)
	ramps := (m.cause == Probe || m.ramps) && b.policy.ramp > 0
	if ramps {
		b.ramp.begin(later(now, b.policy.ramp))
	} else {
		b.ramp.end.Store(0)
	}
	if ramps {
		next |= gatedBit
	}
	return next | b.bits()
}

// move is a shift that can not fail. Called with mu held. The loop ends: it
// repeats only where a failure or success was counted between the two lines, and
// that needs a call of its own each time.
func (b *Breaker) move(m move) {
	for !b.shift(b.load(), m) {
	}
}

// remember begins new counts for the rules with a window, if there are any.
func (b *Breaker) remember(w word, now time.Duration) {
	if e := newEpoch(b.policy.rules, w.stamp(), now); e != nil {
		b.epoch.Store(e)
	}
}

// beginOpen returns how long the opening lasts. Called with mu held, as of state
// Open.
func (b *Breaker) beginOpen(from word, m move, now time.Duration) time.Duration {
	if from.state() == Closed && now-b.closedAt >= b.policy.opening.healthy {
		b.openings = 0
	}
	if b.inMode() == ForcedOpen {
		b.lockOpen()
		return forEver
	}
	open := max(m.open, 0)
	if !m.outside {
		open = b.openTime(now)
	}
	b.told = 0
	b.until = later(now, open)
	b.trust(b.refuse(Open, b.until), now)
	return open
}

// openTime counts one more opening and returns how long it lasts.
func (b *Breaker) openTime(now time.Duration) time.Duration {
	open := b.policy.opening.time(b.policy.recovery, b.openings)
	b.openings++
	if b.told > now {
		open = b.told - now
	}
	return open
}

// lockOpen is the opening that does not end.
func (b *Breaker) lockOpen() {
	b.until = forEver
	r := b.newRejection(Open, forEver)
	r.Mode, r.pause, r.near = ForcedOpen, max(b.policy.recovery, minLease), forEver
	b.reject.Store(r)
	b.blind.Store(r)
}

// refuse makes the error that Allow hands out until the given time.
func (b *Breaker) refuse(s State, until time.Duration) *OpenError {
	r := b.newRejection(s, until)
	b.reject.Store(r)
	return r
}

func (b *Breaker) newRejection(s State, until time.Duration) *OpenError {
	return &OpenError{Name: b.policy.name, State: s, base: b.base, until: until}
}

// ripen makes an open breaker half-open where its window is over. Called with
// mu held.
func (b *Breaker) ripen(now time.Duration) {
	if w := b.load(); w.state() == Open && now >= b.until {
		b.shift(w, move{to: HalfOpen, cause: Elapsed})
	}
}

package breaker

import (
	"math"
	"time"
)

// forEver is an open time that does not end.
const forEver time.Duration = math.MaxInt64

// move is a transition to make.
type move struct {
	to      State
	cause   Cause
	rule    *rule // that was met, or nil
	failed  int   // failures that the word does not count yet
	failure error // the last of them
	outside bool  // the open time is given and not computed
	open    time.Duration
	ramps   bool // closes as probes do
}

// why is the reason for which a breaker opened.
type why struct {
	rule    string
	failure error
}

func (m *move) why() why {
	w := why{failure: m.failure}
	if m.rule != nil {
		w.rule = m.rule.String()
	}
	return w
}

// shift is the only way to another state, or to another generation of the same state. It
// fails, and changes nothing, if from is no longer the word: in state Closed failures are
// counted without the lock.
//
// Guarded by: mu.
func (b *Breaker) shift(from word, m move) bool {
	now := b.now()
	next := b.nextWord(from, m, now)
	// Ordering: before the swap, and pairs with refused. A rejection without a look at
	// the clock must not outlive its state. It exists in state Open alone, in which the
	// swap below cannot fail.
	b.blind.Store(nil)
	if !b.word.CompareAndSwap(uint64(from), uint64(next)) {
		return false
	}
	// Ordering: pairs with admit, which can see the new word together with the old
	// rejection. Either that rejection has run out, as one of state Open has when
	// HalfOpen begins, and then Allow takes mu. Or it is the right answer of an instant
	// ago.
	b.probes.clear()
	b.flights.clear()
	var open time.Duration
	switch m.to {
	case Open:
		b.ramp.end.Store(0)
		b.opened = m.why()
		open = b.beginOpen(from, m, now)
	case Closed:
		b.closedAt, b.told, b.opened = now, 0, why{}
		if m.cause == Manual && !m.ramps {
			b.openings = 0
		}
		b.remember(next, now)
	}
	b.announce(from.state(), m, open)
	return true
}

// nextWord returns the word after m.
//
// Ordering: it sets up the ramp, which must be there when the word is.
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
	next |= b.bits()
	if ramps {
		next &^= freeBit
	}
	return next
}

// move is a shift that cannot fail. The loop repeats only if a call has counted a failure
// or success since the word was loaded, so it ends.
//
// Guarded by: mu.
func (b *Breaker) move(m move) {
	for !b.shift(b.load(), m) {
	}
}

// remember begins new counts for the rules with a memory, if there are any.
func (b *Breaker) remember(w word, now time.Duration) {
	if e := newEpoch(b.policy.rules, w.stamp(), now); e != nil {
		b.epoch.Store(e)
	}
}

// beginOpen sets the end of an opening, and returns how long it lasts. The word is that
// of state Open already.
//
// Guarded by: mu.
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

// openTime counts one more opening and returns how long it lasts. A pause that the
// service asks for makes it longer and never shorter. A service that sheds load asks for
// the same second each time, which must not end an escalation.
func (b *Breaker) openTime(now time.Duration) time.Duration {
	open := b.policy.opening.time(b.policy.recovery, b.openings)
	b.openings++
	return max(open, b.told-now)
}

// lockOpen begins the opening that does not end.
func (b *Breaker) lockOpen() {
	b.until = forEver
	r := b.newRejection(Open, forEver)
	r.Mode, r.pause, r.near = ForcedOpen, max(b.policy.recovery, minLease), forEver
	b.reject.Store(r)
	b.blind.Store(r)
}

// refuse makes the error that Allow returns until the given time.
func (b *Breaker) refuse(s State, until time.Duration) *OpenError {
	r := b.newRejection(s, until)
	b.reject.Store(r)
	return r
}

func (b *Breaker) newRejection(s State, until time.Duration) *OpenError {
	return &OpenError{
		Name: b.policy.name, State: s, Rule: b.opened.rule, Failure: b.opened.failure, base: b.base, until: until,
	}
}

// ripen makes transitions that are due. It opens a half-open breaker that its probes have left
// undecided, and it makes an open one half-open if its window is over.
//
// Guarded by: mu.
func (b *Breaker) ripen(now time.Duration) {
	if b.load().state() == HalfOpen && b.undecided(now) {
		b.reopen()
	}
	if w := b.load(); w.state() == Open && now >= b.until {
		b.shift(w, move{to: HalfOpen, cause: Elapsed})
	}
}

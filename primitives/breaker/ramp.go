package breaker

import (
	"sync/atomic"
	"time"
)

// Ramp admits calls slowly after the probes have closed the breaker, so that they do not
// overload a service that has just come up. The share of calls that are admitted grows
// evenly from 1 % at the closing to all of them after d. The others are rejected with an
// [*OpenError] whose State is Closed. The first call is always admitted, and the admitted
// calls are spread evenly over all. d must be positive; without the option, all calls are
// admitted. A Reset has no ramp.
func Ramp(d time.Duration) Option { return func(p *Policy) { p.ramp, p.rampSet = d, true } }

const (
	rampFloor = 1.0 / 100
	// golden is 2^64 divided by the golden ratio. Its multiples modulo 2^64 fill the
	// circle more evenly than those of any other number (Weyl's sequence, Knuth's
	// Fibonacci hashing). So the admitted calls lie evenly among all at any time and for
	// any share, without a lock and without a random number.
	golden = 0x9E3779B97F4A7C15
)

// ramp is the share of calls that are admitted after closing.
type ramp struct {
	end   atomic.Int64 // since base; 0: no ramp
	calls atomic.Uint64
	held  *OpenError // for calls that are held back
}

// begin starts the ramp.
//
// Ordering: before the word that says that the breaker is closed and not free.
func (r *ramp) begin(end time.Duration) {
	r.calls.Store(0)
	r.end.Store(int64(end))
}

// admits reports whether the next call is admitted.
func (r *ramp) admits(now, end, length time.Duration) bool {
	n := r.calls.Add(1) - 1
	return float64(n*golden)/(1<<64) < share(now, end, length)
}

func share(now, end, length time.Duration) float64 {
	return min(max(1-float64(end-now)/float64(length), rampFloor), 1)
}

// heldBack reports whether the ramp does not admit the next call.
func (b *Breaker) heldBack() bool {
	now, end := b.now(), time.Duration(b.ramp.end.Load())
	if now >= end {
		b.endRamp()
		return false
	}
	return !b.ramp.admits(now, end, b.policy.ramp)
}

// endRamp frees the word, if the ramp was all that kept it from being free.
func (b *Breaker) endRamp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ramp.end.Load() == 0 || b.now() < time.Duration(b.ramp.end.Load()) {
		return // another ramp by now
	}
	b.ramp.end.Store(0)
	// This is no new generation: calls under way go on counting.
	for w := b.load(); w.state() == Closed && !w.free() && b.bits()&freeBit != 0; w = b.load() {
		if b.word.CompareAndSwap(uint64(w), uint64(w|freeBit)) {
			return
		}
	}
}

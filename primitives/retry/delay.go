package retry

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// Spread is how the real wait is drawn from the computed delay d.
type Spread uint8

const (
	// NoJitter waits d.
	NoJitter Spread = iota
	// Equal waits at least half of d: evenly spread over [d/2, d].
	Equal
	// Full waits anything up to d: evenly spread over (0, d]. It is what
	// separates the clients of a service that is coming back best.
	Full
)

// part is how much of d is up to chance.
func (s Spread) part(d time.Duration) time.Duration {
	switch s {
	case Equal:
		return d / 2
	case Full:
		return d - 1
	}
	return 0
}

// below draws from [0, n], evenly but for a bias of less than n/2^64. It takes
// one draw from the generator of the thread, and neither a lock nor a float.
func below(n time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	hi, _ := bits.Mul64(rand.Uint64(), uint64(n)+1)
	return time.Duration(hi)
}

// Delay returns the wait after the given number of attempts, before jitter:
// base*2^(attempt-1) for [Exponential], the same each time for [Constant], and 0
// for [None]. It is never negative and never above the cap, for any attempt; an
// attempt below 1 counts as 1.
func (p Policy) Delay(attempt int) time.Duration {
	limit := max(p.cap, 0) // a policy that is refused can still be asked
	if !p.doubles || attempt <= 1 {
		return min(max(p.base, 0), limit)
	}
	return double(max(p.base, 0), attempt-1, limit)
}

// double is base*2^n, at most limit. Shifting the limit down instead of the base
// up leaves nothing to overflow: from n = 63 on it is 0, and base above it.
func double(base time.Duration, n int, limit time.Duration) time.Duration {
	if base > limit>>n {
		return limit
	}
	return base << n
}

// MaxTotalDelay returns the sum of all waits of a call that uses all its
// attempts, before jitter: one wait fewer than there are attempts. It saturates.
// Delays told by the service are not in it.
func (p Policy) MaxTotalDelay() time.Duration {
	var sum time.Duration
	waits := max(p.attempts, 1) - 1
	// After 63 doublings every delay is the same, so the rest is one product.
	for n := 1; n <= waits && n <= 63; n++ {
		sum = later(sum, p.Delay(n))
	}
	rest := max(waits-63, 0)
	hi, lo := bits.Mul64(uint64(rest), uint64(p.Delay(waits)))
	if hi > 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return later(sum, time.Duration(lo))
}

// wait is the real wait: the policy's, or the one told by the service where
// told is positive.
func (p *Policy) wait(attempt int, told time.Duration) time.Duration {
	d := p.Delay(attempt)
	if told > 0 {
		return later(told, below(p.spread.part(min(d, told))))
	}
	return d - below(p.spread.part(d))
}

// later is a+b, saturating, for a and b not negative.
func later(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

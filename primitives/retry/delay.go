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
	// Equal waits at least half of d, evenly spread over [d/2, d].
	Equal
	// Full waits any time up to d, evenly spread over (0, d]. It separates the clients of
	// a service that comes back better than the others do.
	Full
	// Decorrelated waits at least the base delay, and at most three times the wait
	// before, or the cap, evenly spread between the two. So each client has its own way
	// up to the cap and stays spread there. It is for [Exponential], and takes the place
	// of the doubling.
	//
	// After "Exponential Backoff and Jitter" in the AWS Architecture Blog, except that
	// the cap bounds the range of the draw. A cut after the draw would send two of three
	// clients at the cap back at the same time.
	Decorrelated
)

// part is the random part of d.
func (s Spread) part(d, base time.Duration) time.Duration {
	switch s {
	case Equal:
		return d / 2
	case Full:
		return d - 1
	case Decorrelated:
		return d - base
	}
	return 0
}

// below draws from [0, n], evenly except for a bias of less than n/2^64. It takes one draw
// from the generator of the thread, and neither a lock nor a float.
func below(n time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	hi, _ := bits.Mul64(rand.Uint64(), uint64(n)+1)
	return time.Duration(hi)
}

// Delay returns the wait after the given number of attempts, before jitter, which only
// shortens it. It is
//
//   - base*2^(attempt-1) for [Exponential], with another [Factor] in place of 2;
//   - base*3^attempt for [Exponential] with [Decorrelated];
//   - the same each time for [Constant], and 0 for [None];
//   - for [Custom], what its function says if there was no wait before.
//
// For any attempt it is never negative and never above the cap. An attempt below 1 counts
// as 1.
func (p Policy) Delay(attempt int) time.Duration {
	attempt = max(attempt, 1)
	if p.growth == custom {
		return p.ask(attempt, 0)
	}
	return p.computed(attempt)
}

// computed is the delay of a policy that is not custom.
func (p *Policy) computed(attempt int) time.Duration {
	limit := max(p.cap, 0) // an invalid policy can be asked as well
	base := min(max(p.base, 0), limit)
	switch {
	case p.growth != doubling:
		return base
	case p.spread == Decorrelated:
		return triple(base, attempt, limit)
	case p.factor != 2 && attempt > 1:
		return times(base, p.factor, attempt-1, limit)
	}
	return double(base, attempt-1, limit)
}

// ask asks the function of a custom policy.
func (p *Policy) ask(attempt int, previous time.Duration) time.Duration {
	if p.delay == nil {
		return 0
	}
	return min(max(p.delay(attempt, previous), 0), max(p.cap, 0))
}

// double is base*2^n, at most limit. The limit is shifted down and not the base up, so
// nothing overflows: from n = 63 on the shifted limit is 0, and base is above it.
func double(base time.Duration, n int, limit time.Duration) time.Duration {
	if base > limit>>n {
		return limit
	}
	return base << n
}

// times is base*factor^n, at least base and at most limit. A float above the limit is only
// compared, since it can be more than a Duration holds.
func times(base time.Duration, factor float64, n int, limit time.Duration) time.Duration {
	d := float64(base) * math.Pow(factor, float64(n))
	if !(d < float64(limit)) { // or NaN
		return limit
	}
	return min(max(time.Duration(d), base), limit)
}

// triple is base*3^n, at most limit, which it reaches within 40 steps.
func triple(base time.Duration, n int, limit time.Duration) time.Duration {
	for d := base; d > 0; n-- {
		if n == 0 {
			return d
		}
		if d > limit/3 {
			return limit
		}
		d *= 3
	}
	return 0
}

// MaxTotalDelay returns the longest sum of the waits of a call that uses all its attempts.
// There is one wait fewer than there are attempts, each the longest that jitter leaves,
// which for [Custom] is the cap. The sum saturates. Delays that the service asks for are
// not in it.
func (p Policy) MaxTotalDelay() time.Duration {
	if p.growth == custom { // its function is not asked: there can be any number of attempts
		p.growth, p.base = constant, p.cap
	}
	var sum time.Duration
	waits := max(p.attempts, 1) - 1
	// After some steps every delay is the same, so the rest is one product.
	steps := 63
	if p.growth == doubling && p.factor < 2 {
		steps = int(63/math.Log2(max(p.factor, leastFactor))) + 1
	}
	for n := 1; n <= min(waits, steps); n++ {
		sum = later(sum, p.Delay(n))
	}
	rest := max(waits-steps, 0)
	hi, lo := bits.Mul64(uint64(rest), uint64(p.Delay(waits)))
	if hi > 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return later(sum, time.Duration(lo))
}

// wait is the real wait after t: that of the policy, or the one that the service asks for
// if told is positive.
func (p *Policy) wait(t *Try, told time.Duration) time.Duration {
	d := p.longest(t)
	chance := p.spread.part(d, p.base)
	if told > 0 {
		return later(told, below(min(chance, told)))
	}
	return d - below(chance)
}

// longest is the upper bound of the draw of the wait after t. A call whose first try was
// rejected has made no attempt yet; it counts as one here.
func (p *Policy) longest(t *Try) time.Duration {
	attempt := max(t.Attempt, 1)
	switch {
	case p.growth == custom:
		return p.ask(attempt, t.Waited)
	case p.growth == doubling && p.spread == Decorrelated:
		return triple(max(t.Waited, p.base), 1, p.cap)
	}
	return p.computed(attempt)
}

// later is a+b, saturating, for a and b not negative.
func later(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

package limiter

import "time"

// pace is the present rate of an [Adaptive] limiter.
type pace struct {
	rate   float64       // units per second
	slowed bool          // the rate is below that of the policy
	fresh  bool          // the rate has not risen since it was lowered
	rise   time.Duration // when the rate rises next, if it is slowed
}

// stairs is the number of steps in which a rate rises from 0 to that of the policy.
const stairs = 10

// nearly is the part of the full rate that counts as all of it: ten tenths do not
// always add up to one.
const nearly = 1 - 1e-9

// slow lowers the rate for a penalty that ends at until. Calls that were under way
// together are throttled together, and all report the same thing. So before the rate
// has risen again, a further penalty only delays the rise.
func (l *Limiter) slow(until time.Duration) {
	p := &l.policy
	if p.step == 0 {
		return
	}
	if !l.pace.fresh {
		l.pace.rate, l.pace.slowed, l.pace.fresh = max(l.pace.rate/2, p.lowest), true, true
		l.bucket.reprice(1e9/l.pace.rate, l.bucket.burst)
	}
	l.pace.rise = max(until, l.bucket.until) + p.step
}

// recover raises the rate by the steps that have passed. Each step settles the debt at
// its own rate. There are about as many steps as stairs, at most.
func (l *Limiter) recover(now time.Duration) {
	for l.pace.slowed && now >= l.pace.rise {
		full := l.policy.rate()
		l.bucket.settle(l.pace.rise)
		l.pace.rise += l.policy.step
		l.pace.rate += full / stairs
		l.pace.slowed, l.pace.fresh = l.pace.rate < full*nearly, false
		interval := 1e9 / l.pace.rate
		if !l.pace.slowed {
			l.pace.rate, interval = full, l.policy.interval // as they were given, not as they were computed
		}
		l.bucket.reprice(interval, l.bucket.burst)
	}
}

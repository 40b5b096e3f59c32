package limiter

import "time"

// pace is the rate of the moment, of an [Adaptive] limiter.
type pace struct {
	rate   float64       // units per second
	slowed bool          // it is below that of the policy
	fresh  bool          // and has not risen since it was lowered
	rise   time.Duration // when it rises next, where it is slowed
}

// stairs is in how many steps a rate rises from nothing to that of the policy.
const stairs = 10

// slow lowers the rate because of a penalty that ends then. Calls that were under
// way together are throttled together, and say the same thing once more: before
// the rate has risen again, a further penalty only puts that off.
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

// recover raises the rate by the steps that have passed. What time has paid is
// settled step by step, each at its own rate. There are at most as many as stairs.
func (l *Limiter) recover(now time.Duration) {
	for l.pace.slowed && now >= l.pace.rise {
		full := l.policy.rate()
		l.bucket.settle(l.pace.rise)
		l.pace.rise += l.policy.step
		l.pace.rate = min(l.pace.rate+full/stairs, full)
		l.pace.slowed, l.pace.fresh = l.pace.rate < full, false
		interval := 1e9 / l.pace.rate
		if !l.pace.slowed {
			interval = l.policy.interval // as it was given, not as it was computed
		}
		l.bucket.reprice(interval, l.bucket.burst)
	}
}

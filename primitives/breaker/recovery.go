package breaker

import (
	"math"
	"math/rand/v2"
	"time"
)

// Escalate doubles the open time: the n-th opening since the breaker was last healthy
// lasts recovery*2^(n-1), at most limit. A failed probe also begins an opening. The
// breaker is healthy again when it has been closed for the healthy period; with 0, as
// soon as it closes. The next opening is then the first. limit must be at least the
// recovery, which must be more than 0.
func Escalate(limit, healthy time.Duration) Option {
	return func(p *Policy) {
		p.opening.limit, p.opening.healthy, p.opening.escalates = limit, healthy, true
	}
}

// Jitter shortens each open time by a random part, so that the breakers of many
// processes do not probe at the same instant. The open time is drawn evenly from
// (1-part)*d to d. Since jitter only shortens, the limit of [Escalate] holds, and open
// times at the limit are also spread. 0 <= part <= 1; the default is 0.
func Jitter(part float64) Option { return func(p *Policy) { p.opening.jitter = part } }

// ObeyUpTo sets the longest pause that a service can ask for. A throttled outcome
// can carry such a pause, see [outcome.AsThrottled]. It is cut off at limit. If it is
// not over when the breaker opens, and is longer than the computed open time, the
// opening lasts until the pause ends, without jitter. A shorter pause changes
// nothing. The default is the recovery, but at least a minute; 0 ignores all pauses.
func ObeyUpTo(limit time.Duration) Option {
	return func(p *Policy) { p.opening.obey, p.opening.obeySet = limit, true }
}

// Probes sets how many probes may be out at the same time in state half-open;
// n must be at least 1, which is the default.
func Probes(n int) Option { return func(p *Policy) { p.probes = n } }

// ProbeLimit sets how many probes are let through in all before they have decided; n
// must be at least the number that [CloseAfter] decides by. Probes that say nothing
// also count: ignored probes, and probes that never end. If n probes leave it
// open whether the service is up, the breaker opens again, as after a failed probe. It
// does so when the last of them ends, or at the first call after all their leases. By
// default there is no limit.
func ProbeLimit(n int) Option { return func(p *Policy) { p.limit, p.limitSet = n, true } }

// CloseAfter sets how the probes decide. The breaker closes when passes of them have
// succeeded. It opens again as soon as passes successes among the first of probes are no
// longer possible. CloseAfter(3, 3) wants three successes and no failure. 1 <= passes <=
// of. The default is (1, 1): the first outcome that counts decides.
func CloseAfter(passes, of int) Option { return func(p *Policy) { p.passes, p.of = passes, of } }

// Lease sets how long a probe may keep its place. After that time another call can
// probe, so a half-open breaker cannot be stuck by a lost token or a call that hangs. The
// outcome of the late probe still counts if it arrives before the probes have decided.
// The default is the recovery window, but at least one second; d must be positive. A
// lease longer than the slowest answer of the service keeps the number of probes exact.
func Lease(d time.Duration) Option {
	return func(p *Policy) { p.lease, p.leaseSet = d, true }
}

// ProbeGate sets a function that is asked before a probe is let through, such as
// whether this process is the one that probes. 0 or less lets the probe through. A longer
// time rejects it, and all calls within that time, with an [*OpenError] that tells the
// time; nothing else changes. ask runs without a lock and must return at once. If it
// panics, the probe is let through. It is not asked in mode Shadow. Nil means no gate.
func ProbeGate(ask func() time.Duration) Option { return func(p *Policy) { p.gate = ask } }

func (p *Policy) checkRecovery(check checker) {
	check(p.recovery >= 0, "recovery is %v, want 0 or more", p.recovery)
	check(p.probes >= 1, "probes is %d, want at least 1", p.probes)
	check(p.passes >= 1 && p.passes <= p.of, "probes that close is %d out of %d, want 1 to %[2]d", p.passes, p.of)
	check(p.of <= maxFailures, "probes that close is out of %d, want at most %d", p.of, maxFailures)
	check(!p.limitSet || p.limit >= p.of, "limit of the probes is %d, want at least %d, which close", p.limit, p.of)
	check(p.lease > 0 || !p.leaseSet, "lease is %v, want more than 0", p.lease)
	check(p.ramp > 0 || !p.rampSet, "ramp is %v, want more than 0", p.ramp)
	o := p.opening
	if o.escalates {
		check(p.recovery != 0, "recovery is 0, which cannot escalate")
		check(o.limit >= p.recovery, "limit of the open time is %v, want at least the recovery, %v", o.limit, p.recovery)
		check(o.healthy >= 0, "healthy period is %v, want 0 or more", o.healthy)
	}
	check(o.jitter >= 0 && o.jitter <= 1, "jitter is %v, want 0 to 1", o.jitter) // NaN fails it
	check(o.obey >= 0, "time to obey is %v, want 0 or more", o.obey)
}

// completed is p with the defaults that depend on other options.
func (p Policy) completed() Policy {
	if !p.leaseSet {
		p.lease = max(p.recovery, minLease)
	}
	if !p.opening.obeySet {
		p.opening.obey = max(p.recovery, time.Minute)
	}
	return p
}

// opening is how long a breaker stays open.
type opening struct {
	limit, healthy time.Duration
	escalates      bool
	jitter         float64
	obey           time.Duration
	obeySet        bool
}

// time returns how long the opening lasts that follows before others.
func (o *opening) time(recovery time.Duration, before int) time.Duration {
	d := recovery
	if o.escalates {
		// limit>>before is the most that can be doubled so often; from 63 on it is 0.
		if recovery > o.limit>>before {
			d = o.limit
		} else {
			d = recovery << before
		}
	}
	if o.jitter > 0 {
		d -= time.Duration(float64(d) * o.jitter * rand.Float64())
	}
	return max(d, 0)
}

// later is now+d, saturating: a window near MaxInt64 never ends.
func later(now, d time.Duration) time.Duration {
	if now > math.MaxInt64-d {
		return math.MaxInt64
	}
	return now + d
}

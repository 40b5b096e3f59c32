package breaker

import (
	"math"
	"math/rand/v2"
	"time"
)

// Escalate doubles the open time: the n-th opening since the breaker was last
// healthy lasts recovery*2^(n-1), at most limit. Failed probes count as
// openings. The breaker is healthy again, and the next opening the first, when
// it has been closed for a whole healthy period; 0 means by closing. limit must
// be at least the recovery, which must be more than 0.
func Escalate(limit, healthy time.Duration) Option {
	return func(p *Policy) {
		p.opening.limit, p.opening.healthy, p.opening.escalates = limit, healthy, true
	}
}

// Jitter shortens each open time by a random part, so that the breakers of many
// processes do not probe at the same instant: it is drawn evenly from
// (1-part)*d to d. As it is drawn downward, the limit of [Escalate] holds, and
// open times spread at the limit too. 0 <= part <= 1; the default is 0.
func Jitter(part float64) Option { return func(p *Policy) { p.opening.jitter = part } }

// ObeyUpTo sets how long a service may ask to be left alone. Where a throttled
// outcome told a time (see [outcome.AsThrottled]) that is not yet over when
// the breaker opens, that time replaces the computed one, be it longer or
// shorter, and is cut off at limit. A probe is due when it ends, without jitter.
// The default is the recovery, but at least a minute; 0 means not to obey.
func ObeyUpTo(limit time.Duration) Option {
	return func(p *Policy) { p.opening.obey, p.opening.obeySet = limit, true }
}

// Probes sets how many probes may be out at the same time in state half-open;
// n must be at least 1, which is the default.
func Probes(n int) Option { return func(p *Policy) { p.probes = n } }

// CloseAfter sets what the probes have to show: the breaker closes when passes
// of them have succeeded, and opens again as soon as so many have failed that
// passes out of the first of can no longer be reached. CloseAfter(3, 3) wants three
// successes and no failure. 1 <= passes <= of. The default is (1, 1): the first outcome that
// counts decides for all.
func CloseAfter(passes, of int) Option { return func(p *Policy) { p.passes, p.of = passes, of } }

// Lease sets how long a probe may keep its slot. A probe that takes longer (its
// token was lost, or the call hangs) no longer keeps others from probing, so a
// half-open breaker can not be stuck; its outcome still counts if it arrives
// before the probes have decided. The default is the recovery window, but at
// least one second; d must be positive. Give services that answer slowly a
// lease that is longer than their slowest answer, to keep the number of probes
// exact.
func Lease(d time.Duration) Option {
	return func(p *Policy) { p.lease, p.leaseSet = d, true }
}

// ProbeGate sets a function that is asked before a probe is let through, such as
// whether this process is the one to probe. 0 or less lets it through; a longer
// time refuses it, and whoever else comes within that time, with an [*OpenError]
// that tells the time; nothing else changes. ask runs without a lock, must
// return at once, and lets the probe through if it panics. Not asked in mode
// Shadow. Nil means no gate.
func ProbeGate(ask func() time.Duration) Option { return func(p *Policy) { p.gate = ask } }

func (p *Policy) checkRecovery(check checker) {
	check(p.recovery >= 0, "recovery is %v, want 0 or more", p.recovery)
	check(p.probes >= 1, "probes is %d, want at least 1", p.probes)
	check(p.passes >= 1 && p.passes <= p.of, "probes that close is %d out of %d, want 1 to %[2]d", p.passes, p.of)
	check(p.of <= maxFailures, "probes that close is out of %d, want at most %d", p.of, maxFailures)
	check(p.lease > 0 || !p.leaseSet, "lease is %v, want more than 0", p.lease)
	check(p.ramp > 0 || !p.rampSet, "ramp is %v, want more than 0", p.ramp)
	o := p.opening
	if o.escalates {
		check(p.recovery != 0, "recovery is 0, which can not escalate")
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

// time of the opening that follows so many others.
func (o *opening) time(recovery time.Duration, before int) time.Duration {
	d := recovery
	if o.escalates {
		// limit>>before is what recovery may be to be doubled so often; from 63 on, 0.
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

// later is now+d, saturating: a window near MaxInt64 means for ever.
func later(now, d time.Duration) time.Duration {
	if now > math.MaxInt64-d {
		return math.MaxInt64
	}
	return now + d
}

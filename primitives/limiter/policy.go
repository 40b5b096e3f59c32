package limiter

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Policy says at which rate to admit. It is a value: it holds no state, may be copied,
// and makes any number of limiters. [PerSecond] and [Every] make one, and
// [Policy.Validate] checks it. The zero Policy is not valid.
type Policy struct {
	name     string
	interval float64 // between two units, in ns
	told     string  // the argument that gave interval, for errors
	burst    int
	hasBurst bool
	maxPause time.Duration
	hasPause bool
	lowest   float64
	step     time.Duration
	adaptive bool
	classify outcome.Classifier
	nilOpt   bool
}

// An Option changes a [Policy] while [PerSecond] or [Every] makes it.
type Option func(*Policy)

// PerSecond is the policy that admits n units a second. n must be above 0 and at most
// 1e12.
func PerSecond(n float64, opts ...Option) Policy {
	return build(Policy{interval: 1e9 / n, told: fmt.Sprintf("rate %v per second", n)}, opts)
}

// Every is the policy that admits a unit every d. d must be above 0 and at most 36
// years. Every(time.Minute/500) admits 500 units a minute.
func Every(d time.Duration, opts ...Option) Policy {
	return build(Policy{interval: float64(d), told: fmt.Sprintf("interval %v", d)}, opts)
}

func build(p Policy, opts []Option) Policy {
	for _, opt := range opts {
		if opt == nil {
			p.nilOpt = true
			continue
		}
		opt(&p)
	}
	return p
}

// Name names the limiter, for errors and snapshots. The default is no name.
func Name(name string) Option { return func(p *Policy) { p.name = name } }

// Burst is how many units may be admitted at once after a quiet time. It must be at
// least 1, at most 2^50, and no less than any call costs. The default is what comes in
// 10 ms, at least 1: a smaller burst costs throughput at high rates, because timers
// fire late.
func Burst(n int) Option { return func(p *Policy) { p.burst, p.hasBurst = n, true } }

// MaxPause bounds the pause of a penalty. d must be above 0. If a service asks for a
// longer pause, a call asks it again after d. The default is [DefaultMaxPause].
func MaxPause(d time.Duration) Option { return func(p *Policy) { p.maxPause, p.hasPause = d, true } }

// DefaultMaxPause is the bound of a pause without [MaxPause].
const DefaultMaxPause = 5 * time.Minute

// Adaptive makes each penalty halve the rate, but not below lowest units a second. From
// the end of the pause on, the rate grows by a tenth of the policy's rate every step,
// until it is whole. A further penalty halves the rate again only after it has begun to
// grow: penalties of calls that were under way together count as one.
//
// lowest must be above 0 and at most the rate. step must be above 0. The default is a
// fixed rate. After Chiu and Jain, "Analysis of the increase and decrease algorithms
// for congestion avoidance" (1989).
func Adaptive(lowest float64, step time.Duration) Option {
	return func(p *Policy) { p.lowest, p.step, p.adaptive = lowest, min(step, longest), true }
}

// Classify sets what the errors of calls mean to [Limiter.Record]. The default is
// [outcome.Classify]. A nil c is the default.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// Validate returns nil if limiters can be made from p. If not, it returns a
// [*PolicyError] that holds every fault.
func (p Policy) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	// Written so that NaN is refused.
	timed := p.interval >= 1e-3 && p.interval <= longest
	check(timed || p.told != "", "it has no rate")
	check(timed || p.told == "", "%s is out of range", p.told)
	check(!p.hasBurst || p.burst >= 1, "burst %d is below 1", p.burst)
	check(int64(p.burst) <= largest, "burst %d is above 2^50", p.burst)
	check(!timed || p.interval*float64(p.size()) <= longest, "burst %d takes more than 36 years", p.burst)
	check(!p.hasPause || p.maxPause > 0, "bound of a pause %v is not above 0", p.maxPause)
	if p.adaptive {
		check(p.step > 0, "step %v is not above 0", p.step)
		check(p.lowest > 0 && p.lowest <= p.rate(), "lowest rate %v is not within 0 and the rate", p.lowest)
		check(!(p.lowest > 0) || 1e9/p.lowest*float64(p.size()) <= longest, "lowest rate %v takes more than 36 years for a burst", p.lowest)
	}
	check(!p.nilOpt, "an option is nil")
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// Limiter returns a new limiter, as [New] does.
func (p Policy) Limiter() (*Limiter, error) { return New(p) }

// rate is in units per second.
func (p *Policy) rate() float64 { return 1e9 / p.interval }

// size is the burst in units.
func (p *Policy) size() int64 {
	if p.hasBurst {
		return int64(p.burst)
	}
	units := float64(10*time.Millisecond) / p.interval
	return int64(max(min(units, math.MaxInt), 1))
}

// pause is the longest pause of a penalty.
func (p *Policy) pause() time.Duration {
	if p.hasPause {
		return min(p.maxPause, longest)
	}
	return DefaultMaxPause
}

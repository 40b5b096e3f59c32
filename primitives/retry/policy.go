package retry

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// DefaultCap is the cap of a policy without [Cap].
const DefaultCap = 60 * time.Second

// patience is how long a wait told by the service may be, where the cap is not
// longer. A longer one is an answer to another question ("your quota is used
// up until tomorrow"), and what waits holds memory.
const patience = 5 * time.Minute

// Policy says how often to try and how long to wait in between. It is a value:
// it holds no state, may be copied, and makes as many retriers as wanted; only
// a [Budget] given to it is shared by all of them. It is made by [Exponential],
// [Constant], [Custom] or [None]; the zero Policy is refused.
type Policy struct {
	name     string
	attempts int
	growth   growth
	base     time.Duration
	factor   float64 // of doubling; another growth has none
	cap      time.Duration
	spread   Spread
	delay    func(attempt int, previous time.Duration) time.Duration // of Custom

	elapsed    time.Duration
	elapsedSet bool
	classes    []class
	budget     *Budget
	hedge      time.Duration
	copies     int
	uncounted  bool
	rejected   bool
	nested     bool
	classify   outcome.Classifier
	patience   time.Duration // set by New
	faults     []error
}

// class is a [Limit].
type class struct {
	match    func(error) bool
	attempts int
}

// growth is how the delays of a policy follow from each other.
type growth uint8

const (
	constant growth = iota
	doubling
	custom
	none // there is no second attempt, and no delay
)

// Exponential is the policy that makes up to attempts attempts, the first one
// included, and waits base after the first, twice as long (see [Factor]) after
// each further one, up to the cap. Jitter is [Full] by default.
//
// What is wrong with the arguments is told by [Policy.Validate] and [New].
// attempts must be at least 1, base more than 0 and not above the cap.
func Exponential(attempts int, base time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, growth: doubling, base: base, factor: 2, spread: Full}, opts)
}

// Constant is the policy that makes up to attempts attempts, the first one
// included, and waits delay after each. By default there is no jitter, so that
// the delay is what the name says. It is checked as [Exponential] is.
func Constant(attempts int, delay time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, growth: constant, base: delay}, opts)
}

// Custom is the policy that makes up to attempts attempts, the first one
// included, and asks delay how long to wait after each: it gets the number of
// attempts made so far, from 1, and the real wait before the last of them, 0 at
// first. Less than 0 counts as 0, which is to try again at once, and more than
// the cap as the cap. By default there is no jitter.
//
// delay must be safe for concurrent use and is not called under a lock.
func Custom(attempts int, delay func(attempt int, previous time.Duration) time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, growth: custom, delay: delay}, opts)
}

// None is the policy that makes one attempt, for the sake of what the options
// add to it.
func None(opts ...Option) Policy { return build(Policy{attempts: 1, growth: none}, opts) }

func build(p Policy, opts []Option) Policy {
	p.cap = DefaultCap
	for _, opt := range opts {
		if opt == nil {
			p.faults = append(p.faults, errors.New("nil option"))
			continue
		}
		opt(&p)
	}
	return p
}

// Attempts returns the largest number of attempts, the first one included.
func (p Policy) Attempts() int { return p.attempts }

// Validate returns nil, or a [*PolicyError] that tells everything that is wrong
// with p.
func (p Policy) Validate() error {
	faults := p.faults[:len(p.faults):len(p.faults)]
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(p.attempts >= 1, "attempts is %d, want at least 1", p.attempts)
	check(p.base > 0 || p.growth >= custom, "delay is %v, want more than 0", p.base)
	check(p.delay != nil || p.growth != custom, "delay function is nil")
	check(p.cap > 0, "cap is %v, want more than 0", p.cap)
	check(p.base <= p.cap || p.cap <= 0, "delay %v is above the cap %v", p.base, p.cap)
	check(p.spread <= Decorrelated, "jitter %d is unknown", p.spread)
	check(p.spread != Decorrelated || p.growth == doubling, "decorrelated jitter is for exponential delays")
	check(p.growth == doubling || p.factor == 0, "a factor is for exponential delays")
	check(p.spread != Decorrelated || p.growth != doubling || p.factor == 2, "decorrelated jitter has no factor")
	check(p.elapsed > 0 || !p.elapsedSet, "max elapsed is %v, want more than 0", p.elapsed)
	for _, c := range p.classes {
		check(c.match != nil, "match function of a limit is nil")
		check(c.attempts >= 1, "limit is %d attempts, want at least 1", c.attempts)
	}
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// Retrier returns a new retrier; it is [New] as a [Source].
func (p Policy) Retrier() (*Retrier, error) { return New(p) }

package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// DefaultCap is the cap of a policy without [Cap].
const DefaultCap = 60 * time.Second

// patience is the longest wait that a service can ask for, unless the cap is longer. A
// longer one means something else ("your quota is used up until tomorrow"), and a call
// that waits holds memory.
const patience = 5 * time.Minute

// Policy says how often to try and how long to wait in between. It is a value: it holds no
// state, may be copied, and makes any number of retriers. A [Budget] given to it is shared
// by all of them. [Exponential], [Constant], [Custom] and [None] make one. The zero Policy
// is invalid.
type Policy struct {
	made     bool // by one of the four
	name     string
	attempts int
	growth   growth
	base     time.Duration
	factor   float64 // of doubling; the other kinds have none
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
	onRetry    []func(context.Context, Event)
	patience   time.Duration // set by New
	faults     []error
}

// class is a [Limit].
type class struct {
	match    func(error) bool
	attempts int
}

// growth is how each delay of a policy follows from the one before.
type growth uint8

const (
	constant growth = iota
	doubling
	custom
	none // there is no second attempt, and no delay
)

// Exponential is the policy that makes up to attempts attempts, the first one included. It
// waits base after the first, and twice as long (see [Factor]) after each further one, up
// to the cap. Jitter is [Full] by default.
//
// [Policy.Validate] and [New] tell what is wrong with the arguments. attempts must be at
// least 1, base more than 0 and not above the cap.
func Exponential(attempts int, base time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, growth: doubling, base: base, factor: 2, spread: Full}, opts)
}

// Constant is the policy that makes up to attempts attempts, the first one included, and
// waits delay after each. By default there is no jitter, as the name says. It is checked as
// [Exponential] is.
func Constant(attempts int, delay time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, growth: constant, base: delay}, opts)
}

// Custom is the policy that makes up to attempts attempts, the first one included, and
// asks delay how long to wait after each. delay gets the number of attempts made so far, from 1. It
// also gets the real wait before the last attempt, which is 0 at first. A wait below 0 counts as 0,
// and the next try begins at once. A wait above the cap counts as the cap. By default there is
// no jitter.
//
// delay must be safe for concurrent use and runs without a lock.
func Custom(attempts int, delay func(attempt int, previous time.Duration) time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, growth: custom, delay: delay}, opts)
}

// None is the policy that makes one attempt, for what its options add, such as [Hedge].
func None(opts ...Option) Policy { return build(Policy{attempts: 1, growth: none}, opts) }

func build(p Policy, opts []Option) Policy {
	p.made, p.cap = true, DefaultCap
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

// Validate returns nil if p is valid, and otherwise a [*PolicyError] that tells everything
// that is wrong.
func (p Policy) Validate() error {
	if !p.made {
		return &PolicyError{Err: errors.New("the policy was not made by Exponential, Constant, Custom or None")}
	}
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

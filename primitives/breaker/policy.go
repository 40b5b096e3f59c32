package breaker

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Policy says when a breaker opens and how it recovers. It is a value: it holds no
// state, may be copied, and makes any number of breakers. [On] and [Consecutive] make
// one. The zero Policy is invalid.
type Policy struct {
	made     bool // by On
	name     string
	recovery time.Duration
	rules    []rule
	opening  opening
	probes   int
	passes   int // successes that close...
	of       int // ...among so many probes
	limit    int // of probes in all
	limitSet bool
	lease    time.Duration
	leaseSet bool
	ramp     time.Duration
	rampSet  bool
	mode     Mode
	gate     func() time.Duration
	classify outcome.Classifier
	onChange []func(Change)
	faults   []error
}

// minLease is the shortest default lease. A probe is a real call, and a short recovery
// window does not tell how long calls take.
const minLease = time.Second

// An Option changes a [Policy] that is being made. Some options are rules: [InARow],
// [OutOf], [Within], [Rate], [Slow] and [Hung].
type Option func(*Policy)

// On is the policy that opens as soon as any of the rules among opts is met. It needs at
// least one rule, and takes several of each kind, except [Hung]. An open breaker rejects
// calls until recovery has passed since the opening.
//
// A recovery of 0 means that the first call after the opening is a probe. Such a breaker
// never rejects a caller that comes alone. It only keeps many callers at a time off a
// failing service.
//
// [Policy.Validate] and [New] tell what is wrong with the arguments. recovery must not be
// negative. The name, which errors and hooks carry, must not be empty.
func On(name string, recovery time.Duration, opts ...Option) Policy {
	p := Policy{made: true, name: name, recovery: recovery, probes: 1, passes: 1, of: 1}
	return p.With(opts...)
}

// Consecutive is short for [On] with the rule [InARow]. It opens after that number of
// failures in a row; a success in between starts the count again. opts can hold further
// rules.
func Consecutive(name string, failures int, recovery time.Duration, opts ...Option) Policy {
	return On(name, recovery, InARow(failures)).With(opts...)
}

// With returns a copy of p with opts applied. Rules and hooks are added to those of p;
// every other option replaces what p has. p stays as it is.
func (p Policy) With(opts ...Option) Policy {
	// Must not: append to an array that another copy appends to.
	p.rules = p.rules[:len(p.rules):len(p.rules)]
	p.onChange = p.onChange[:len(p.onChange):len(p.onChange)]
	p.faults = p.faults[:len(p.faults):len(p.faults)]
	for _, opt := range opts {
		if opt == nil {
			p.faults = append(p.faults, errors.New("nil option"))
			continue
		}
		opt(&p)
	}
	return p
}

// Classify sets what an error means; nil and the default are [outcome.Classify]. The
// classifier is not asked about a nil error, which is always a success. It runs without
// a lock, in the goroutine that records the outcome.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// OnChange adds a hook that sees every change of state exactly once and in order: To of
// one change is From of the next. Several hooks see a change in the order in which they
// were given. Nil means no hook.
//
// The hook runs without a lock, in the goroutine that caused the change or in one that
// still runs a hook for an earlier change. It may call any method of the breaker. Changes
// that the hook itself makes are delivered when it has returned. It should return
// quickly. A panic of the hook is contained and counted in [Snapshot.HookPanics].
func OnChange(hook func(Change)) Option {
	return func(p *Policy) {
		if hook != nil {
			p.onChange = append(p.onChange, hook)
		}
	}
}

// checker takes a fault if a condition does not hold.
type checker func(ok bool, format string, args ...any)

// Validate returns nil if p is valid, and otherwise a [*PolicyError] that tells
// everything that is wrong.
func (p Policy) Validate() error {
	if !p.made {
		return &PolicyError{Err: errors.New("the policy was not made by On or Consecutive")}
	}
	faults := p.faults[:len(p.faults):len(p.faults)]
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(p.name != "", "name is empty")
	check(len(p.rules) > 0, "no rule to open on")
	hangs := 0
	for _, r := range p.rules {
		r.check(check)
		if r.kind == hung {
			hangs++
		}
	}
	check(hangs <= 1, "%d rules about hung calls, want at most 1", hangs)
	p.checkRecovery(check)
	check(p.mode <= ForcedOpen, "mode is %d, want at most %d", p.mode, ForcedOpen)
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// Breaker returns a new breaker; it is [New] as a [Source].
func (p Policy) Breaker() (*Breaker, error) { return New(p) }

// threshold is the number of failures in a row that opens, 0 if there is no such rule.
func (p *Policy) threshold() int {
	n := 0
	for _, r := range p.rules {
		if r.kind == inARow && (n == 0 || r.n < n) {
			n = r.n
		}
	}
	return n
}

// shortest returns the rule of a kind with the shortest duration, or nil.
func (p *Policy) shortest(k kind) *rule {
	var found *rule
	for i := range p.rules {
		if r := &p.rules[i]; r.kind == k && (found == nil || r.slow < found.slow) {
			found = r
		}
	}
	return found
}

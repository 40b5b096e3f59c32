package breaker

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Policy says when a breaker opens and how it recovers. It is a value: it holds
// no state, may be copied, and makes as many breakers as wanted. It is made by
// [On] or [Consecutive]; the zero Policy is refused.
type Policy struct {
	name     string
	recovery time.Duration
	rules    []rule
	opening  opening
	probes   int
	passes   int // so many successes...
	of       int // ...out of so many probes close
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

// minLease is the shortest default lease: a probe is a real call, and a short
// recovery window says nothing about how long calls take.
const minLease = time.Second

// An Option changes a [Policy] that is being made. Some options are rules:
// [InARow], [OutOf], [Rate], [Slow] and [Hung].
type Option func(*Policy)

// On is the policy that opens as soon as any of the rules among opts is met; at
// least one is needed, and there may be several of each kind but [Hung]. Open, it refuses
// calls until recovery has passed since the opening. A recovery of 0 is allowed
// and means that the first call after the opening is already a probe: such a
// breaker never turns a lone caller away, it only keeps the crowd off a failing
// service.
//
// What is wrong with the arguments is told by [Policy.Validate] and [New].
// recovery must not be negative, and the name, which errors and hooks carry,
// must not be empty.
func On(name string, recovery time.Duration, opts ...Option) Policy {
	p := Policy{name: name, recovery: recovery, probes: 1, passes: 1, of: 1}
	return p.With(opts...)
}

// Consecutive is short for [On] with the rule [InARow]: it opens at the
// failures-th failure in a row; a success in between starts the count again.
// Further rules may stand among opts.
func Consecutive(name string, failures int, recovery time.Duration, opts ...Option) Policy {
	return On(name, recovery, InARow(failures)).With(opts...)
}

// With returns a copy of p that opts have been applied to: rules and hooks are
// added to those that p has, everything else is replaced. p stays as it is.
func (p Policy) With(opts ...Option) Policy {
	// A copy must not append to what another copy appends to.
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

// Classify sets what an error means; nil and the default are
// [outcome.Classify]. It is not asked about a nil error, which is always a
// success. It runs without a lock, in the goroutine that records the outcome.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// OnChange adds a hook that sees every change of state: each exactly once, in
// order, so that To of one is From of the next. It runs in the goroutine that
// caused a change, or in the one that is still running a hook for an earlier
// change, without a lock, and may call any method of the breaker; changes made
// by the hook itself are delivered when it has returned. It should return
// quickly. A panic of the hook is contained and counted in
// [Snapshot.HookPanics]. Several hooks see a change in the order in which they
// were given. Nil means no hook.
func OnChange(hook func(Change)) Option {
	return func(p *Policy) {
		if hook != nil {
			p.onChange = append(p.onChange, hook)
		}
	}
}

// checker takes a fault where a condition does not hold.
type checker func(ok bool, format string, args ...any)

// Validate returns nil, or a [*PolicyError] that tells everything that is wrong
// with p.
func (p Policy) Validate() error {
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

// threshold is the number of failures in a row that opens; 0: none does.
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

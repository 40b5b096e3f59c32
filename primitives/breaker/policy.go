package breaker

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Policy says when a breaker opens and how it recovers. It is a value: it holds
// no state, may be copied, and makes as many breakers as wanted. It is made by
// [Consecutive]; the zero Policy is refused.
type Policy struct {
	name     string
	failures int
	recovery time.Duration
	probes   int
	lease    time.Duration
	leaseSet bool
	classify outcome.Classifier
	onChange func(Change)
	faults   []error
}

// minLease is the shortest default lease: a probe is a real call, and a short
// recovery window says nothing about how long calls take.
const minLease = time.Second

// An Option changes a [Policy] that is being made.
type Option func(*Policy)

// Consecutive is the policy that opens at the failures-th failure in a row; a
// success in between starts the count again. Open, it refuses calls until
// recovery has passed since the opening. A recovery of 0 is allowed and means
// that the first call after the opening is already a probe: such a breaker
// never turns a lone caller away, it only keeps the crowd off a failing service.
//
// What is wrong with the arguments is told by [Policy.Validate] and [New].
// failures must be in 1..16777215, recovery must not be negative, and the name,
// which errors and hooks carry, must not be empty.
func Consecutive(name string, failures int, recovery time.Duration, opts ...Option) Policy {
	p := Policy{name: name, failures: failures, recovery: recovery, probes: 1}
	for _, opt := range opts {
		if opt == nil {
			p.faults = append(p.faults, errors.New("nil option"))
			continue
		}
		opt(&p)
	}
	if !p.leaseSet {
		p.lease = max(recovery, minLease)
	}
	return p
}

// Probes sets how many probes may be out at the same time in state half-open;
// n must be at least 1, which is the default. The first outcome that counts
// decides for all of them: one success closes the breaker, one failure opens it.
func Probes(n int) Option { return func(p *Policy) { p.probes = n } }

// Lease sets how long a probe may keep its slot. A probe that takes longer (its
// token was lost, or the call hangs) no longer keeps others from probing, so a
// half-open breaker can not be stuck; its outcome still counts if it arrives
// before another one has decided. The default is the recovery window, but at
// least one second; d must be positive. Give services that answer slowly a
// lease that is longer than their slowest answer, to keep the number of probes
// exact.
func Lease(d time.Duration) Option {
	return func(p *Policy) { p.lease, p.leaseSet = d, true }
}

// Classify sets what an error means; nil and the default are
// [outcome.Classify]. It is not asked about a nil error, which is always a
// success. It runs without a lock, in the goroutine that records the outcome.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// OnChange sets the hook that sees every change of state: each exactly once, in
// order, so that To of one is From of the next. It runs in the goroutine that
// caused a change, or in the one that is still running the hook for an earlier
// change, without a lock, and may call any method of the breaker; changes made
// by the hook itself are delivered when it has returned. It should return
// quickly. A panic of the hook is contained and counted in
// [Snapshot.HookPanics]. Nil means no hook.
func OnChange(hook func(Change)) Option { return func(p *Policy) { p.onChange = hook } }

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
	check(p.failures >= 1, "failures is %d, want at least 1", p.failures)
	check(p.failures <= maxFailures, "failures is %d, want at most %d", p.failures, maxFailures)
	check(p.recovery >= 0, "recovery is %v, want 0 or more", p.recovery)
	check(p.probes >= 1, "probes is %d, want at least 1", p.probes)
	check(p.lease > 0, "lease is %v, want more than 0", p.lease)
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// Breaker returns a new breaker; it is [New] as a [Source].
func (p Policy) Breaker() (*Breaker, error) { return New(p) }

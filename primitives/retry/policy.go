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
// it holds no state, may be copied, and makes as many retriers as wanted. It is
// made by [Exponential], [Constant] or [None]; the zero Policy is refused.
type Policy struct {
	name     string
	attempts int
	base     time.Duration
	cap      time.Duration
	doubles  bool
	none     bool
	spread   Spread
	rejected bool
	classify outcome.Classifier
	faults   []error
}

// An Option changes a [Policy] that is being made.
type Option func(*Policy)

// Exponential is the policy that makes up to attempts attempts, the first one
// included, and waits base after the first, twice as long after each further
// one, up to the cap. Jitter is [Full] by default.
//
// What is wrong with the arguments is told by [Policy.Validate] and [New].
// attempts must be at least 1, base more than 0 and not above the cap.
func Exponential(attempts int, base time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, base: base, doubles: true, spread: Full}, opts)
}

// Constant is the policy that makes up to attempts attempts, the first one
// included, and waits delay after each. By default there is no jitter, so that
// the delay is what the name says. It is checked as [Exponential] is.
func Constant(attempts int, delay time.Duration, opts ...Option) Policy {
	return build(Policy{attempts: attempts, base: delay}, opts)
}

// None is the policy that makes one attempt.
func None() Policy { return build(Policy{attempts: 1, none: true}, nil) }

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

// Name names the policy in errors and snapshots. The default is no name.
func Name(name string) Option { return func(p *Policy) { p.name = name } }

// Cap bounds every computed delay, with jitter too; d must be positive and not
// below the base delay. The default is [DefaultCap].
func Cap(d time.Duration) Option { return func(p *Policy) { p.cap = d } }

// Jitter sets how the waits are spread: [Full], [Equal] or [NoJitter].
func Jitter(s Spread) Option { return func(p *Policy) { p.spread = s } }

// Classify sets what an error means; nil and the default are
// [outcome.Classify]. It is not asked about a nil error, which is always a
// success. Its word is final: where it says so, a permanent error of an inner
// retrier is permanent here too.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// RetryRejected makes the retrier wait out a rejection that tells when to come
// back, as that of an open breaker does, and try again. A rejection costs no
// attempt: nothing was attempted. So only the context bounds how often that
// happens; give it a deadline.
func RetryRejected() Option { return func(p *Policy) { p.rejected = true } }

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
	check(p.base > 0 || p.none, "delay is %v, want more than 0", p.base)
	check(p.cap > 0, "cap is %v, want more than 0", p.cap)
	check(p.base <= p.cap || p.cap <= 0, "delay %v is above the cap %v", p.base, p.cap)
	check(p.spread <= Full, "jitter %d is unknown", p.spread)
	if len(faults) == 0 {
		return nil
	}
	return &PolicyError{Name: p.name, Err: errors.Join(faults...)}
}

// Retrier returns a new retrier; it is [New] as a [Source].
func (p Policy) Retrier() (*Retrier, error) { return New(p) }

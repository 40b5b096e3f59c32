package retry

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// An Option changes a [Policy] that is being made.
type Option func(*Policy)

// Name names the policy in errors and snapshots. The default is no name.
func Name(name string) Option { return func(p *Policy) { p.name = name } }

// Cap bounds every computed delay, jitter included. d must be positive and not below the
// base delay. The default is [DefaultCap].
func Cap(d time.Duration) Option { return func(p *Policy) { p.cap = d } }

// Factor sets how much longer each delay of [Exponential] is than the one before, up to the
// cap. f must be 1.01 to 1e9; the default is 2. Delays that do not grow are [Constant].
// Factor cannot be combined with [Decorrelated].
func Factor(f float64) Option {
	return func(p *Policy) {
		if p.factor = f; !(f >= leastFactor && f <= 1e9) { // NaN fails it
			p.faults = append(p.faults, fmt.Errorf("factor is %v, want %v to 1e+09", f, leastFactor))
		}
	}
}

// leastFactor has all delays at any cap after about 5000 attempts.
const leastFactor = 1.01

// Jitter sets how the waits are spread: [Full], [Equal], [Decorrelated] or
// [NoJitter].
func Jitter(s Spread) Option { return func(p *Policy) { p.spread = s } }

// MaxElapsed ends a call with [Elapsed] if its next try would start later than d after its
// first. The call ends at once and does not wait. d must be positive. A try that has begun
// is not cut short: that is what the deadline of a context is for.
func MaxElapsed(d time.Duration) Option {
	return func(p *Policy) { p.elapsed, p.elapsedSet = d, true }
}

// Limit lowers the number of attempts for some errors. If the last error of a call matches,
// the call is tried again only if it has made fewer than that number of attempts. Attempts
// with other errors count. With 1, such an error is never tried again. If several limits
// match, the lowest holds. match must be safe for concurrent use and runs without a lock.
func Limit(match func(error) bool, attempts int) Option {
	return func(p *Policy) { p.classes = append(p.classes, class{match, attempts}) }
}

// Classify sets what an error means; nil and the default are [outcome.Classify]. The
// classifier is not asked about a nil error, which is always a success. Its word is final:
// a permanent error of an inner retrier, which by default is a failure, can also be
// permanent here.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// RetryRejected makes the retrier wait out a rejection that tells when to come back, as
// that of an open breaker does, and try again. A rejection costs no attempt, since the call
// did not reach the service. Only the context and [MaxElapsed] bound how often that
// happens, so set one of them.
func RetryRejected() Option { return func(p *Policy) { p.rejected = true } }

// RetryNested makes the retrier try again even if a retrier inside the call has given up
// after retries of its own, see [Nested]. The attempts of the two then multiply.
func RetryNested() Option { return func(p *Policy) { p.nested = true } }

// WithBudget makes the retrier ask b for each retry, before its wait. Policies whose calls
// go to the same service can share b. The wait for a rejection (see [RetryRejected]) takes
// nothing from it, and neither does a retry that is given up for another reason before the
// wait. A retry that is cancelled during the wait has taken its token.
func WithBudget(b *Budget) Option {
	return func(p *Policy) {
		switch p.budget = b; {
		case b == nil:
			p.faults = append(p.faults, errors.New("budget is nil"))
		case b.full == 0:
			p.faults = append(p.faults, errors.New("budget was not made by NewBudget"))
		}
	}
}

// Uncounted leaves calls that succeed at their first attempt out of the [Snapshot]. Such a
// call then writes to nothing that it shares with others. It costs half, and callers on
// many processors do not wait for one counter.
func Uncounted() Option { return func(p *Policy) { p.uncounted = true } }

// Hedge makes [Retrier.Do] start another copy of a call that has not answered for after,
// and then further ones, up to the given number of copies at once. The first success or
// permanent error is the outcome. The other copies are cancelled and waited for. A copy
// that fails starts no other. The try has failed when no copy is left, and costs one
// attempt. Copies beyond the first are retries to a [Budget]; if the budget refuses one, it
// is not made. No copy is made after the context of the call has ended. See [Retrier.Do] on
// what f must allow.
//
// The call must be safe to repeat: all copies can reach the service. after must be
// positive; about as long as 95 of 100 calls take is a good value. copies must be at least
// 1, which turns hedging off. After "The Tail at Scale" (Dean and Barroso, 2013).
func Hedge(after time.Duration, copies int) Option {
	return func(p *Policy) {
		p.hedge, p.copies = after, copies
		if after <= 0 {
			p.faults = append(p.faults, fmt.Errorf("hedge is after %v, want more than 0", after))
		}
		if copies < 1 {
			p.faults = append(p.faults, fmt.Errorf("hedge is %d copies, want at least 1", copies))
		}
	}
}

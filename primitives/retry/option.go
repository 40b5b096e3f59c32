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

// Cap bounds every computed delay, with jitter too; d must be positive and not
// below the base delay. The default is [DefaultCap].
func Cap(d time.Duration) Option { return func(p *Policy) { p.cap = d } }

// Factor sets how much longer each delay of [Exponential] is than the one before,
// until it is at the cap. f must be 1.01 to 1e9, and is 2 by default; with one
// below, the delays are [Constant]. It does not go with [Decorrelated].
func Factor(f float64) Option {
	return func(p *Policy) {
		if p.factor = f; !(f >= leastFactor && f <= 1e9) { // nor is NaN
			p.faults = append(p.faults, fmt.Errorf("factor is %v, want %v to 1e+09", f, leastFactor))
		}
	}
}

// leastFactor: from about 5000 attempts on all delays are at any cap.
const leastFactor = 1.01

// Jitter sets how the waits are spread: [Full], [Equal], [Decorrelated] or
// [NoJitter].
func Jitter(s Spread) Option { return func(p *Policy) { p.spread = s } }

// MaxElapsed ends a call with [Elapsed] at once where its next try would start
// later than d after its first; d must be positive. A try that has begun is not
// cut short: that is what the deadline of a context is for.
func MaxElapsed(d time.Duration) Option {
	return func(p *Policy) { p.elapsed, p.elapsedSet = d, true }
}

// Limit lowers the number of attempts for some errors: a call whose last error
// matches is tried again only while fewer than so many attempts have been made,
// the others included. With 1, such an error is never tried again. Where several
// limits match, the lowest holds. match must be safe for concurrent use and is
// not called under a lock.
func Limit(match func(error) bool, attempts int) Option {
	return func(p *Policy) { p.classes = append(p.classes, class{match, attempts}) }
}

// Classify sets what an error means; nil and the default are
// [outcome.Classify]. It is not asked about a nil error, which is always a
// success. Its word is final: where it says so, a permanent error of an inner
// retrier is permanent here too.
func Classify(c outcome.Classifier) Option { return func(p *Policy) { p.classify = c } }

// RetryRejected makes the retrier wait out a rejection that tells when to come
// back, as that of an open breaker does, and try again. A rejection costs no
// attempt: nothing was attempted. So only the context and [MaxElapsed] bound how
// often that happens; set one of them.
func RetryRejected() Option { return func(p *Policy) { p.rejected = true } }

// RetryNested makes the retrier try again also what a retrier inside the call
// has given up on after retries of its own, see [Nested]. The attempts of the
// two then multiply.
func RetryNested() Option { return func(p *Policy) { p.nested = true } }

// WithBudget has the retrier ask b before each retry, before it waits for it. b
// can be shared by policies whose calls go to the same service. Waiting out a
// rejection (see [RetryRejected]) takes nothing from it, and neither does a
// retry that is given up for another reason before the wait; one that is
// cancelled during the wait has been paid for.
func WithBudget(b *Budget) Option {
	return func(p *Policy) {
		if p.budget = b; b == nil {
			p.faults = append(p.faults, errors.New("budget is nil"))
		}
	}
}

// Uncounted leaves calls that succeed at their first attempt out of the
// [Snapshot]. Such a call then writes to nothing that it shares with others: it
// costs half, and callers on many processors do not wait for each other's count.
func Uncounted() Option { return func(p *Policy) { p.uncounted = true } }

// Hedge makes [Retrier.Do] start another copy of a call that has not answered
// for after, and again, up to so many copies at once. The first success or
// permanent error is the outcome; the others are cancelled and waited for. A copy
// that fails starts no other: the try has failed when no copy is left, and costs
// one attempt. Copies beyond the first are retries to a [Budget]; one that is
// refused is not made. See [Retrier.Do] on what f has to bear.
//
// Do must be safe to repeat the call: all copies may reach the service. after
// must be positive, about as long as 95 of 100 calls take, and copies at least 1,
// which turns it off. After "The Tail at Scale" (Dean and Barroso, 2013).
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

package limiter

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Limiter admits units at a rate. Make one with [New] or [Of]. A zero Limiter has no
// rate: every call fails at once with the error of [Limiter.Err]. All methods may be
// called at any time from any goroutine. A Limiter must not be copied. It holds no
// goroutine, has a timer only while an enlisted call is the first in line, and needs no
// closing.
//
// A limiter without calls in line may be taken from one synctest bubble to another.
type Limiter struct {
	ready bool  // it has been made from a valid policy
	fault error // why not, if [Of] or a [Registry] has made it

	mu      sync.Mutex // never held while user code runs, or while blocking
	policy  Policy
	changed bool // the policy, by Set: a [Registry] keeps the limiter
	base    time.Time
	last    time.Duration // the latest time seen, since base
	bucket  bucket
	pace    pace
	line    line
	alarm   alarm

	admitted, refused, cancelled, units, penalties uint64
}

// A Source gives a limiter to what needs one, such as a layer of a stream. There are
// two: a [Policy] makes a new limiter each time, and a *Limiter gives itself, to be
// shared.
type Source interface {
	Limiter() (*Limiter, error)
}

// New returns a limiter with a whole burst, or a [*PolicyError] that tells everything
// that is wrong with p.
func New(p Policy) (*Limiter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Limiter{
		ready: true, policy: p, base: time.Now(), pace: pace{rate: p.rate()},
		bucket: newBucket(p.interval, p.size()),
	}, nil
}

// Of is [New] for a policy that is written in the program: it returns no error to
// handle. If p is invalid, the limiter admits no call. [Limiter.Err] tells what is
// wrong, and every call fails at once with that error. A flow that is given such a
// limiter reports the error before it runs.
func Of(p Policy) *Limiter {
	l, err := New(p)
	if err != nil {
		return unusable(p.name, err)
	}
	return l
}

// unusable is a limiter whose calls fail with err.
func unusable(name string, err error) *Limiter {
	return &Limiter{policy: Policy{name: name}, fault: err}
}

// Err returns nil if the limiter can be used, and otherwise the error with which every
// call fails. It is a [*PolicyError] if the policy given to [Of] is invalid, or if
// neither [New] nor Of has made the limiter. It is a [*KeyError] if a [Registry] refuses
// the key of the limiter.
func (l *Limiter) Err() error {
	switch {
	case l == nil:
		return &PolicyError{Err: errors.New("the limiter is nil")}
	case l.ready:
		return nil
	case l.fault != nil:
		return l.fault
	}
	return errUnmade
}

var errUnmade = &PolicyError{Err: errors.New("the limiter was not made by New or Of")}

// Limiter returns l itself, so that a limiter can be shared by all that take a
// [Source]. If [Limiter.Err] is not nil, it returns that error.
func (l *Limiter) Limiter() (*Limiter, error) {
	if err := l.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

// Wait takes cost units and returns nil. It blocks until the units are there and the
// caller's turn has come. A cost of 0 takes nothing and never waits.
//
// If Wait returns an error, it has taken nothing:
//
//   - a [*WaitError] when ctx ends, or at once if the deadline of ctx would come first
//     at the present rate;
//   - a [*CostError] at once if the cost cannot be met;
//   - the error of [Limiter.Err] at once.
//
// Without a wait, Wait costs a look at the clock and no allocation. A wait costs four
// allocations, of 400 bytes in all. At some thousand waits a second, timers fire later
// than they should. A [Burst] makes up for that.
func (l *Limiter) Wait(ctx context.Context, cost int) error {
	if err := ctx.Err(); err != nil {
		return l.cancel(nil, err)
	}
	l.mu.Lock()
	if ok, err := l.enter(cost); ok || err != nil {
		l.mu.Unlock()
		return err
	}
	l.mu.Unlock()
	return l.wait(ctx, cost)
}

// Try takes cost units and returns nil if they are there and no call waits. If not, it
// takes nothing, and returns a [*LimitError] that tells when to come again, or a
// [*CostError]. It never blocks. A refusal costs an allocation.
func (l *Limiter) Try(cost int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok, err := l.enter(cost); ok || err != nil {
		return err
	}
	l.refused++
	// The expected time is 0 if the first in line can go and has not been scheduled yet.
	return &LimitError{Name: l.policy.name, After: max(l.expected(cost), 1)}
}

// Do waits for cost units, calls f, records how f has ended, and returns what f
// returned; see [Limiter.Wait] and [Limiter.Record]. f runs in the goroutine of the
// caller and gets ctx. A panic of f propagates, and so does [runtime.Goexit].
func (l *Limiter) Do[T any](ctx context.Context, cost int, f func(context.Context) (T, error)) (T, error) {
	if err := l.Wait(ctx, cost); err != nil {
		var none T
		return none, err
	}
	v, err := f(ctx)
	l.Record(ctx, err)
	return v, err
}

// Run is [Limiter.Do] for a function that returns nothing but an error.
func (l *Limiter) Run(ctx context.Context, cost int, f func(context.Context) error) error {
	_, err := l.Do(ctx, cost, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// Record tells how a call has ended. An error that means throttled, such as one made by
// [outcome.AsThrottled], is a penalty for the time that it carries; see
// [Limiter.Penalize]. Other errors change nothing. ctx is the context of the call.
// Record returns at once.
func (l *Limiter) Record(ctx context.Context, err error) {
	if err == nil {
		return
	}
	if o := l.classifier()(ctx, err); o.Kind == outcome.Throttled {
		l.Penalize(o.After)
	}
}

// Penalize admits no unit for d from now, but at most for [MaxPause]. Calls that
// already wait are not admitted either. It takes the burst away: after the pause there
// is at most one unit, and further ones come at the rate. A pause pays back no debt: a
// unit that was due in a time t when the pause began comes t after its end. If pauses
// overlap, the one that ends last counts. If d is 0 or less, only the burst is lost.
// Penalize returns at once.
func (l *Limiter) Penalize(d time.Duration) {
	if !l.ready {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	l.penalties++
	until := l.last + min(max(d, 0), l.policy.pause())
	l.slow(until)
	l.bucket.pause(until)
}

// Set gives l the policy p: its rate, its burst and the rest. Waiters keep their places
// and get their units at the new rate. If the new burst is below their cost, they get a
// [*CostError] when their turn comes. Units that are there remain, up to the new burst.
// A larger burst fills up with time. A pause remains. A rate that was lowered by
// [Adaptive] is whole again.
//
// Set returns a [*PolicyError] and changes nothing if p is invalid, or if [Limiter.Err]
// is not nil.
func (l *Limiter) Set(p Policy) error {
	if err := l.Err(); err != nil {
		return err
	}
	if err := p.Validate(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	l.policy, l.changed = p, true
	l.pace = pace{rate: p.rate()}
	l.bucket.reprice(p.interval, p.size())
	l.callFirst()
	return nil
}

// enter takes cost units if they are there and no call waits. It returns an error if
// the call can never be admitted. The lock is held.
func (l *Limiter) enter(cost int) (bool, error) {
	if err := l.Err(); err != nil {
		return false, err
	}
	if cost < 0 || int64(cost) > l.bucket.burst {
		return false, &CostError{Name: l.policy.name, Cost: cost, Burst: int(l.bucket.burst)}
	}
	if cost == 0 {
		l.admitted++
		return true, nil
	}
	l.advance()
	return l.line.head == nil && l.take(cost), nil
}

// take takes cost units, at most a burst, if they are there. The lock is held, and the
// time is up to date.
func (l *Limiter) take(cost int) bool {
	if l.bucket.after(l.last, int64(cost)) > 0 {
		return false
	}
	l.bucket.debt += int64(cost) * l.bucket.price
	l.admitted++
	l.units = sum(l.units, uint64(cost))
	return true
}

// expected returns the time until a call that comes now is admitted. The lock is held,
// and the time is up to date.
func (l *Limiter) expected(cost int) time.Duration {
	if l.line.head == nil {
		return l.bucket.after(l.last, int64(cost))
	}
	return l.bucket.expected(l.last, l.line.units+float64(cost))
}

// advance brings the account up to now. The lock is held.
//
// The clock cannot go back. But in a synctest bubble the time can be earlier than where
// the limiter was used before. Then no time has passed.
func (l *Limiter) advance() {
	if !l.ready {
		return
	}
	now := time.Since(l.base)
	if now < l.last {
		l.base, now = l.base.Add(now-l.last), l.last
	}
	l.last = now
	l.recover(now)
	l.bucket.settle(now)
}

func (l *Limiter) classifier() outcome.Classifier {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.policy.classify == nil {
		return outcome.Classify
	}
	return l.policy.classify
}

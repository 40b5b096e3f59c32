package retry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Retrier tries calls again as its [Policy] says. [New] and [Of] make one. Any number of
// goroutines use it at the same time. It must not be copied. Calls share nothing but its
// counters.
type Retrier struct {
	policy Policy
	fault  error // what is wrong with the policy, or nil
	plain  bool  // a try is a call and nothing else: no clock, no budget, no copies
	counts counts
}

type counts struct {
	succeeded atomic.Uint64
	failed    atomic.Uint64 // attempts
	retries   atomic.Uint64
	waits     atomic.Uint64 // for rejections
	hedges    atomic.Uint64
	panics    atomic.Uint64 // of hooks
	gaveUp    [reasons]atomic.Uint64
}

// A Source gives a [Retrier] to a section or a stack. A [Policy] makes a new retrier. A
// *Retrier is shared as it is, with its other users and with the code that observes it.
type Source interface {
	Retrier() (*Retrier, error)
}

// New returns a retrier, or a [*PolicyError] that tells everything that is wrong with p.
func New(p Policy) (*Retrier, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.classify == nil {
		p.classify = classify
	}
	p.patience = max(patience, p.cap)
	if p.elapsed > 0 {
		p.patience = min(p.patience, p.elapsed)
	}
	return &Retrier{policy: p, plain: p.elapsed == 0 && p.budget == nil && p.copies <= 1}, nil
}

// Of is [New] for a policy that is written in the program: it returns a retrier even if p
// is invalid. [Retrier.Err] tells what is wrong with p, and each call fails with that.
func Of(p Policy) *Retrier {
	r, err := New(p)
	if err != nil {
		return &Retrier{policy: Policy{name: p.name}, fault: err}
	}
	return r
}

// Err returns nil if r can be used. Otherwise it returns a [*PolicyError], because the
// policy given to [Of] was invalid or r is the zero Retrier. Each call then fails with an
// [*Error] that has it as its Cause.
func (r *Retrier) Err() error {
	if r.fault == nil && r.policy.classify == nil {
		return errUnmade
	}
	return r.fault
}

var errUnmade = &PolicyError{Err: errors.New("the retrier was not made by New or Of")}

// Retrier returns r itself; a *Retrier is a [Source]. It returns an error if r is nil,
// and [Retrier.Err] if that is not nil.
func (r *Retrier) Retrier() (*Retrier, error) {
	if r == nil {
		return nil, errors.New("retry: nil *Retrier")
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// Hedges reports whether the policy of r was made with [Hedge] and more than one
// copy, which only [Retrier.Do] can do.
func (r *Retrier) Hedges() bool { return r.policy.copies > 1 }

// Do calls f until it succeeds or r gives up, and returns the last value of f together with
// nil or an [*Error]. If ctx has ended before the first call, or if r cannot be used (see
// [Retrier.Err]), Do does not call f, and the [*Error] tells 0 attempts.
//
// f runs in the goroutine of the caller, never twice at the same time, and gets ctx. Do
// blocks for the waits in between, and stops waiting at once when ctx ends. If ctx has a
// deadline that comes before the next try, Do does not begin to wait. A panic of f
// propagates, as does runtime.Goexit.
//
// With [Hedge], copies of f run at the same time: the first in the goroutine of the caller,
// each other one in a goroutine of its own. They must return soon when their context ends,
// since Do waits for them. That context ends with the try, so a value that needs it, such
// as the body of a response, must be read inside f. If a copy panics in another goroutine,
// Do panics with a [*PanicError].
//
// If f succeeds at once, Do adds a few nanoseconds and does not allocate.
func (r *Retrier) Do[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	if r.plain && ctx.Err() == nil {
		v, err := f(ctx)
		if err == nil {
			if !r.policy.uncounted {
				r.counts.succeeded.Add(1)
			}
			return v, nil
		}
		return r.again(ctx, f, v, err, time.Time{})
	}
	return r.first(ctx, f)
}

// Run is [Retrier.Do] for a function that returns nothing but an error. It costs one
// allocation.
func (r *Retrier) Run(ctx context.Context, f func(context.Context) error) error {
	_, err := r.Do(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// first makes the first try of a call that needs more than a plain call of f. It and again are
// functions of their own, so that other calls have a small frame.
func (r *Retrier) first[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	began := r.Begin()
	switch {
	case r.Err() != nil:
		return v, r.refuse(nil).Err
	case ctx.Err() != nil:
		return v, r.Abandon(ctx, Try{})
	case r.policy.copies > 1:
		v, err = r.hedged(ctx, f)
	default:
		v, err = f(ctx)
	}
	if err == nil {
		r.succeed(1)
		return v, nil
	}
	return r.again(ctx, f, v, err, began)
}

// again goes on after the first try, which returned v and err.
func (r *Retrier) again[T any](ctx context.Context, f func(context.Context) (T, error), v T, err error, began time.Time) (T, error) {
	t := Try{Err: err, Began: began}
	for {
		t.Attempt++
		verdict := r.Next(ctx, t)
		if !verdict.Retry {
			return v, verdict.Err
		}
		if verdict.Free {
			t.Attempt--
		} else {
			t.Waited, t.Failure = verdict.Delay, t.Err
		}
		sleep(ctx, verdict.Delay)
		if ctx.Err() != nil {
			return v, r.Abandon(ctx, t)
		}
		if r.policy.copies > 1 {
			v, t.Err = r.hedged(ctx, f)
		} else {
			v, t.Err = f(ctx)
		}
	}
}

// sleep returns after d or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

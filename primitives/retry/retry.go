package retry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Retrier tries calls again as its [Policy] says. It is made by [New], is used
// by any number of goroutines at the same time, and must not be copied. All that
// calls share is its counters.
type Retrier struct {
	policy Policy
	plain  bool // a try is a call and nothing else: no clock, no budget, no copies
	counts counts
}

type counts struct {
	succeeded atomic.Uint64
	failed    atomic.Uint64 // attempts
	retries   atomic.Uint64
	waits     atomic.Uint64 // for rejections
	hedges    atomic.Uint64
	gaveUp    [reasons]atomic.Uint64
}

// Source is what a [Retrier] can be had from: a [Policy] makes a new one, a
// *Retrier is shared as it is, with other users of it and with whoever observes
// it from outside.
type Source interface {
	Retrier() (*Retrier, error)
}

// New returns a retrier, or a [*PolicyError] that tells everything that is wrong
// with p.
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

// Retrier returns r itself; a *Retrier is a [Source]. A nil one is refused.
func (r *Retrier) Retrier() (*Retrier, error) {
	if r == nil {
		return nil, errors.New("retry: nil *Retrier")
	}
	return r, nil
}

// Hedges reports whether the policy of r was made with [Hedge] and more than one
// copy, which only [Retrier.Do] can do.
func (r *Retrier) Hedges() bool { return r.policy.copies > 1 }

// Do calls f until it succeeds or r gives up, and returns the last value of f
// together with nil or an [*Error]. Where ctx has ended before the first call,
// f is not called at all and the [*Error] tells 0 attempts.
//
// f runs in the goroutine of the caller, never twice at the same time, and gets
// ctx. Do blocks for the waits in between and stops waiting at once when ctx
// ends; where ctx has a deadline that comes before the next try, it does not
// begin to wait. A panic of f goes through, as does runtime.Goexit.
//
// With [Hedge] copies of f run at the same time, each in a goroutine of its own
// but for the first, and must soon return when their context ends: Do waits for
// them. That context ends with the try, so a value that needs it, such as the
// body of a response, must be read inside f. Where a copy panics in another
// goroutine, Do panics with a [*PanicError].
//
// Where f succeeds at once, Do adds a few nanoseconds and does not allocate.
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

// first makes the first try of a call for which more is to be done than to make
// it. It is apart so that other calls have a small frame; so is again.
func (r *Retrier) first[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	began := r.Begin()
	switch {
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
			t.Waited = verdict.Delay
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

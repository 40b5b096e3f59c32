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
	policy   Policy
	patience time.Duration
	counts   counts
}

type counts struct {
	succeeded atomic.Uint64
	failed    atomic.Uint64 // attempts
	retries   atomic.Uint64
	waits     atomic.Uint64 // for rejections
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
	return &Retrier{policy: p, patience: max(patience, p.cap)}, nil
}

// Retrier returns r itself; a *Retrier is a [Source]. A nil one is refused.
func (r *Retrier) Retrier() (*Retrier, error) {
	if r == nil {
		return nil, errors.New("retry: nil *Retrier")
	}
	return r, nil
}

// Do calls f until it succeeds or r gives up, and returns the last value of f
// together with nil or an [*Error]. Where ctx has ended before the first call,
// f is not called at all and the [*Error] tells 0 attempts.
//
// f runs in the goroutine of the caller, never twice at the same time, and gets
// ctx. Do blocks for the waits in between and stops waiting at once when ctx
// ends; where ctx has a deadline that comes before the next try, it does not
// begin to wait. A panic of f goes through, as does runtime.Goexit.
//
// Where f succeeds at once, Do adds a few nanoseconds and does not allocate.
func (r *Retrier) Do[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	var v T
	var try Try
	for ctx.Err() == nil {
		v, try.Err = f(ctx)
		if try.Err == nil {
			r.counts.succeeded.Add(1)
			return v, nil
		}
		try.Attempt++
		verdict := r.Next(ctx, try)
		if !verdict.Retry {
			return v, verdict.Err
		}
		if verdict.Free {
			try.Attempt--
		}
		sleep(ctx, verdict.Delay)
	}
	return v, r.Abandon(ctx, try)
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

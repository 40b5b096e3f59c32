package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
)

// Guard adds a bound on the calls in flight, see [guard.Guard.Do]. Each of opts gives an
// option of the call of its argument, such as its weight.
func (s *Stack[In, Out]) Guard(source guard.Source, opts ...func(In) guard.CallOption) *Stack[In, Out] {
	g, err := from(source, guard.Source.Guard)
	for _, opt := range opts {
		if opt == nil {
			err = errors.Join(err, errors.New("an option is nil"))
		}
	}
	return s.with(layer[In, Out]{"guard", func(next Func[In, Out]) Func[In, Out] {
		return func(ctx context.Context, in In) (Out, error) {
			own := make([]guard.CallOption, len(opts))
			for i, opt := range opts {
				own[i] = opt(in)
			}
			return g.Do(ctx, func(ctx context.Context) (Out, error) { return next(ctx, in) }, own...)
		}
	}, err})
}

// Dedup adds sharing: calls with equal keys share one run of what is inside, and its
// result is kept for the time of the policy, see [dedup.Dedup.Do]. The run gets the
// argument of the caller that came first. Results are shared and not copied, so callers
// must not change what they point to. The source is a [dedup.Policy] or a
// *[dedup.Dedup][K, Out]. key must be safe for concurrent use.
//
// The context of a run ends when no caller waits any more, and when the run has
// returned. A result that needs its context, such as a body that is still to be read, is
// read inside.
func (s *Stack[In, Out]) Dedup[K comparable](source dedup.Source, key func(In) K) *Stack[In, Out] {
	d, err := dedupOf[K, Out](source)
	if key == nil {
		err = errors.Join(err, errors.New("the key function is nil"))
	}
	return s.with(layer[In, Out]{"dedup", func(next Func[In, Out]) Func[In, Out] {
		return func(ctx context.Context, in In) (Out, error) {
			return d.Do(ctx, key(in), func(ctx context.Context) (Out, error) { return next(ctx, in) })
		}
	}, err})
}

// dedupOf returns the deduplicator that the source is, or stands for.
func dedupOf[K comparable, Out any](source dedup.Source) (*dedup.Dedup[K, Out], error) {
	switch d := source.(type) {
	case nil:
		return nil, errors.New("the source is nil")
	case dedup.Policy:
		return dedup.New[K, Out](d)
	case *dedup.Dedup[K, Out]:
		if d == nil {
			return nil, errors.New("the shared deduplicator is nil")
		}
		return d, d.Err()
	default:
		return nil, fmt.Errorf("a deduplicator to share must be a %T, not a %T", (*dedup.Dedup[K, Out])(nil), d)
	}
}

// Breaker adds a circuit breaker, see [breaker.Breaker.Do].
func (s *Stack[In, Out]) Breaker(source breaker.Source) *Stack[In, Out] {
	b, err := from(source, breaker.Source.Breaker)
	return s.with(layer[In, Out]{"breaker", func(next Func[In, Out]) Func[In, Out] {
		return func(ctx context.Context, in In) (Out, error) {
			return b.Do(ctx, func(ctx context.Context) (Out, error) { return next(ctx, in) })
		}
	}, err})
}

// Retry adds retries, see [retry.Retrier.Do]. A call gets the value of its last try, even
// if it fails. drop gets the value of every other try once, for example to close the body
// of a response. It is called before the next try begins, or with [retry.Hedge] before
// the call returns. A try that fails can have the zero value.
func (s *Stack[In, Out]) Retry(source retry.Source, drop ...func(Out)) *Stack[In, Out] {
	r, err := from(source, retry.Source.Retrier)
	for _, d := range drop {
		if d == nil {
			err = errors.Join(err, errors.New("a function to drop values is nil"))
		}
	}
	return s.with(layer[In, Out]{"retry", func(next Func[In, Out]) Func[In, Out] {
		if len(drop) > 0 {
			return dropping(r, next, drop)
		}
		return func(ctx context.Context, in In) (Out, error) {
			return r.Do(ctx, func(ctx context.Context) (Out, error) { return next(ctx, in) })
		}
	}, err})
}

// RateLimit adds a bound on how many calls begin in a time, or how much they cost, see
// [limiter.Limiter.Do]. cost gives the units of a call, 1 if cost is nil.
func (s *Stack[In, Out]) RateLimit(source limiter.Source, cost func(In) int) *Stack[In, Out] {
	l, err := from(source, limiter.Source.Limiter)
	if cost == nil {
		cost = func(In) int { return 1 }
	}
	return s.with(layer[In, Out]{"rate limit", func(next Func[In, Out]) Func[In, Out] {
		return func(ctx context.Context, in In) (Out, error) {
			return l.Do(ctx, cost(in), func(ctx context.Context) (Out, error) { return next(ctx, in) })
		}
	}, err})
}

// Timeout adds a deadline: the context of what is inside ends after d, and when it has
// returned. The function must heed its context, which is all that ends it. d must be
// positive.
func (s *Stack[In, Out]) Timeout(d time.Duration) *Stack[In, Out] {
	var err error
	if d <= 0 {
		err = fmt.Errorf("the time is %v, want more than 0", d)
	}
	return s.with(layer[In, Out]{"timeout", func(next Func[In, Out]) Func[In, Out] {
		return func(ctx context.Context, in In) (Out, error) {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return next(ctx, in)
		}
	}, err})
}

// from asks a source for its primitive, unless the source is nil.
func from[S comparable, P any](source S, get func(S) (P, error)) (P, error) {
	var none S
	if source == none {
		var p P
		return p, errors.New("the source is nil")
	}
	return get(source)
}

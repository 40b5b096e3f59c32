package stages

import (
	"context"
	"errors"

	"github.com/weir-go/weir/primitives/limiter"
)

// Throttle lets items through at a rate, in order: each waits until the limiter has
// admitted its cost; 1 where cost is nil.
//
//	in:   123-------4--->
//	        1 every 3
//	out:  1--2--3---4--->
//
// With a [limiter.Policy] the stage has a limiter of its own; a *[limiter.Limiter]
// can be shared and observed, and its rate changed.
//
// It shapes a stream, and protects nobody: when the intake has been stopped, what is
// inside goes on at once, so that a drain is not bound to the rate. To keep to the
// limits of a service, [RateLimit] its calls. An item whose deadline would pass
// before its turn, or whose caller goes, fails with [ErrExpired]; a cost above the
// burst fails it with a *[limiter.CostError].
func Throttle[T any](source limiter.Source, cost func(T) int) Stage[T, T] {
	return &throttler[T]{source, cost}
}

type throttler[T any] struct {
	source limiter.Source
	cost   func(T) int
}

func (s *throttler[T]) Validate() error { return validLimiter(s.source) }

// Run is called once; inlined, it would be made again in its wrapper, with all
// that it holds.
//
//go:noinline
func (s *throttler[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	l, err := s.source.Limiter()
	if err != nil {
		return err
	}
	in.node.observe(func() any { return l.Snapshot() })
	return outlive(in.node, func() error {
		for it := range in.All() {
			switch err := waitForRate(s, in, it, l); {
			case err == nil:
				sendLate(out, it)
			case isExpired(err):
				reject(in, it, err)
			default:
				in.Fail(it, err)
			}
		}
		return nil
	})
}

// waitForRate returns nil when the item may go on: it is admitted, or the intake has been
// stopped.
func waitForRate[T any](s *throttler[T], in *Inlet[T], it Item[T], l *limiter.Limiter) error {
	cost := 1
	if s.cost != nil {
		var err error
		cost, err = protectOr(in.node, func() (int, error) { return s.cost(it.Value), nil }, func() { in.Fail(it, ErrGoexit) })
		if err != nil {
			return err
		}
	}
	if in.rt.stopped.Load() {
		if in.rt.ctx.Err() != nil { // the flag of an abort may come later than this one
			return in.rt.abortError()
		}
		return nil
	}
	bounds := it.trail.bounds()
	ctx, cancel := contextOf(&bounds, in.rt.intake, in.rt.base)
	defer cancel()
	err := blame(&bounds, in.rt, l.Wait(ctx, cost))
	switch {
	case in.rt.ctx.Err() != nil:
		return in.rt.abortError()
	case errors.Is(err, limiter.ErrCost):
		return err
	case in.rt.intake.Err() != nil && !isExpired(err):
		return nil
	}
	return err
}

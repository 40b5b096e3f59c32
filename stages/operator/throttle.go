package operator

import (
	"context"
	"errors"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
)

// Throttle lets items through at a rate, in order: each waits until the limiter has admitted
// its cost, which is 1 if cost is nil.
//
//	in:   123-------4--->
//	        1 every 3
//	out:  1--2--3---4--->
//
// With a [limiter.Policy] the stage has a limiter of its own. A *[limiter.Limiter] can be
// shared and observed, and its rate changed.
//
// Throttle shapes a stream and does not protect a service. When the intake has stopped, the
// items inside pass at once, so a drain does not keep to the rate. To keep to the limit of a
// service, use the RateLimit layer of a section. An item whose deadline would pass before its
// turn, or whose caller goes, fails with [stages.ErrExpired]. A cost above the burst fails the
// item with a *[limiter.CostError].
func Throttle[T any](source limiter.Source, cost func(T) int) stages.Stage[T, T] {
	return &throttler[T]{source: source, cost: cost}
}

type throttler[T any] struct {
	single
	source limiter.Source
	cost   func(T) int
}

// Validate implements [stages.Validator].
func (s *throttler[T]) Validate() error { return validLimiter(s.source) }

func validLimiter(source limiter.Source) error {
	if source == nil {
		return errors.New("limiter is nil")
	}
	l, err := source.Limiter()
	if err == nil {
		err = l.Err()
	}
	return err
}

func (s *throttler[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	l, err := s.source.Limiter()
	if err != nil {
		return err
	}
	k := kernel.Of(in)
	var cost func() int
	if s.cost != nil {
		cost = func() int { return s.cost(typed.At[T](k)) }
	}
	throttle(k, kernel.OutletOf(out), l, cost)
	return nil
}

// throttle sends each item when the limiter has admitted the item's cost.
func throttle(k *kernel.Inlet, o *kernel.Outlet, l *limiter.Limiter, cost func() int) {
	n := k.Node()
	n.Observe(func() any { return l.Snapshot() })
	price := 1
	ask := func(context.Context) error {
		price = cost()
		return nil
	}
	for m, ok, _ := k.Next(nil); ok; m, ok, _ = k.Next(nil) {
		if cost != nil && !k.Ask(k.Pos, &m, ask) {
			continue
		}
		switch err := admit(n.Run(), &m, l, price); {
		case err == nil:
			n.Waited(&m)
			o.Resend(k, m)
		case errors.Is(err, stages.ErrExpired) || errors.Is(err, stages.ErrAborted):
			k.Refuse(m, k.Value(), err)
		default:
			k.Fail(m, k.Value(), err)
		}
	}
}

// admit waits until the limiter has admitted the item, or the intake has stopped.
func admit(run *kernel.Run, m *kernel.Meta, l *limiter.Limiter, cost int) error {
	if run.Aborted() {
		return run.AbortError()
	}
	if run.Stopping() {
		return nil
	}
	limit, ctx := m.Limit(), run.Intake
	if limit.Bounded() {
		c := limit.Within(run.Intake, run.Clock)
		defer c.End()
		ctx = c
	}
	err := limit.BlameWait(run.Clock, l.Wait(ctx, cost))
	switch {
	case run.Aborted():
		return run.AbortError()
	case errors.Is(err, limiter.ErrCost):
		return err
	case run.Stopping() && !errors.Is(err, stages.ErrExpired):
		return nil
	}
	return err
}

package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// OnError calls f for each failed item, whichever stage above it failed in. f returns one of:
//
//   - a value that replaces the item, which goes on healthy,
//   - [stages.ErrDrop], which drops the item on purpose,
//   - [stages.HandBack], which gives the item back to its source,
//   - another error, with which the item remains failed, as the failure of the stage in which
//     it failed.
//
// Healthy items pass. The order is kept, and f is called from one goroutine. f never sees an
// item that goes back to its source: one that fails with [stages.ErrHandedBack] or
// [stages.ErrAborted].
//
// Below a section OnError can be its fallback: [stages.ItemError.Stage] tells which stage
// failed. A fallback that is a slow call belongs in the section's function, which runs on the
// workers.
func OnError[T any](f func(context.Context, *stages.ItemError) (T, error)) stages.Stage[T, T] {
	return &onError[T]{f: f}
}

type onError[T any] struct {
	single
	f func(context.Context, *stages.ItemError) (T, error)
}

// TakesFailures implements [stages.FailureTaker].
func (s *onError[T]) TakesFailures() bool { return true }

// Validate implements [stages.Validator].
func (s *onError[T]) Validate() error { return needs(s.f == nil, "function is nil") }

func (s *onError[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	var v T
	policy(k, o, func(ctx context.Context, fault *stages.ItemError) (err error) {
		v, err = s.f(ctx, fault)
		return err
	}, func(m kernel.Meta, err error) {
		switch {
		case err == nil:
			m = k.Recover(m)
			typed.Send(o, &m, v)
		case errors.Is(err, stages.ErrDrop):
			k.Drop(m)
		case errors.Is(err, stages.ErrGoexit):
			k.Remain(m, fmt.Errorf("%w: %w", err, m.Fault().Err))
		case errors.Is(err, stages.ErrHandedBack) && m.Acked():
			k.HandBack(m, err)
		default:
			k.Remain(m, err)
		}
	})
	return nil
}

// policy sends the healthy items. For each failed item it calls ask, and then deal with the error
// of ask. It also calls deal if ask ends the goroutine.
func policy(k *kernel.Inlet, o *kernel.Outlet, ask func(context.Context, *stages.ItemError) error, deal func(kernel.Meta, error)) {
	n := k.Node()
	for {
		if from, to := k.HealthyRun(handoff.BatchSize); from < to {
			o.Forward(k, from, to)
			continue
		}
		m, ok, _ := k.Next(nil)
		switch {
		case !ok:
			return
		case m.Fault() == nil:
			o.Resend(k, m)
		case n.Run().Aborted():
			k.Pass(&m)
		default:
			answer(n, &m, ask, func(err error) { deal(m, err) })
		}
	}
}

// answer calls deal with the error of ask. It does not call a nil ask.
func answer(n *kernel.Node, m *kernel.Meta, ask func(context.Context, *stages.ItemError) error, deal func(error)) {
	if ask == nil {
		deal(nil)
		return
	}
	err := stages.ErrGoexit
	defer func() { deal(err) }()
	err = n.Consult(m, func(ctx context.Context) error { return ask(ctx, (*stages.ItemError)(m.Fault())) })
}

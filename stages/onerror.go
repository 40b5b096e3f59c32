package stages

import (
	"context"
	"fmt"
)

// OnError asks f about each failed item, wherever it failed further up: f
// returns a value that replaces the item, which goes on healthy; or [ErrDrop],
// which drops it on purpose; or another error, with which it remains failed,
// as the failure of the stage where it failed. Healthy items pass. The order is
// kept, and f is called from one goroutine.
//
// Below a [Section], and with a look at [ItemError.Stage], it is the fallback of
// that section. A fallback that is a call itself, and takes time, belongs into the
// section's function, where the workers are.
func OnError[T any](f func(context.Context, *ItemError) (T, error)) Stage[T, T] {
	return onError[T]{f}
}

// sendUnless sends it on, unless it has failed and an error policy may take it.
func (out *Outlet[T]) sendUnless(it Item[T]) bool {
	switch {
	case !it.failed():
		out.Send(it)
	case isHandedBack(it.fault):
		out.pass(it.fault, it.trail)
	default:
		return false
	}
	return true
}

type onError[T any] struct {
	f func(context.Context, *ItemError) (T, error)
}

func (s onError[T]) TakesFailures() bool { return true }

func (s onError[T]) Validate() error { return needs(s.f == nil, "function is nil") }

func (s onError[T]) Run(ctx context.Context, in *Inlet[T], out *Outlet[T]) error {
	return outlive(in.node, func() error {
		for it := range in.All() {
			if sent := out.sendUnless(it); !sent {
				s.ask(ctx, in, it, out)
			}
		}
		return nil
	})
}

// ask lets the function decide on a failed item.
func (s onError[T]) ask(ctx context.Context, in *Inlet[T], it Item[T], out *Outlet[T]) {
	remains := func(err error) {
		fault := *it.fault
		fault.Err = err
		out.pass(&fault, it.trail)
	}
	v, err := protectOr(in.node, func() (T, error) { return s.f(ctx, it.fault) }, func() { remains(fmt.Errorf("%w: %w", ErrGoexit, it.fault.Err)) })
	switch {
	case err == nil:
		out.Send(in.Recover(it, v))
	case isDrop(err):
		in.Drop(it)
	default:
		remains(err)
	}
}

// DeadLetter gives each failed item to put, which keeps it somewhere, and takes
// it out of the stream. An item that put returns an error for stays failed,
// with both errors: it is not lost. Healthy items pass. The order is kept, and
// put is called from one goroutine.
func DeadLetter[T any](put func(context.Context, *ItemError) error) Stage[T, T] {
	return deadLetter[T]{put}
}

type deadLetter[T any] struct {
	put func(context.Context, *ItemError) error
}

func (s deadLetter[T]) TakesFailures() bool { return true }

func (s deadLetter[T]) Validate() error { return needs(s.put == nil, "function is nil") }

func (s deadLetter[T]) Run(ctx context.Context, in *Inlet[T], out *Outlet[T]) error {
	return outlive(in.node, func() error {
		for it := range in.All() {
			if sent := out.sendUnless(it); !sent {
				s.keep(ctx, in, it, out)
			}
		}
		return nil
	})
}

// keep puts a failed item aside.
func (s deadLetter[T]) keep(ctx context.Context, in *Inlet[T], it Item[T], out *Outlet[T]) {
	remains := func(err error) {
		fault := *it.fault
		fault.Err = joinDeadLetter(fault.Err, in.node.name, err)
		out.pass(&fault, it.trail)
	}
	_, err := protectOr(in.node, func() (struct{}, error) { return struct{}{}, s.put(ctx, it.fault) }, func() { remains(ErrGoexit) })
	if err != nil {
		remains(err)
		return
	}
	in.DeadLetter(it)
}

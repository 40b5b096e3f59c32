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
	return &onError[T]{f}
}

// dealFailed sends on the healthy items, and gives the others to deal. It is called
// once in a run, and the compiler would copy it and its loop to both stages.
//
//go:noinline
func dealFailed[T any](in *Inlet[T], out *Outlet[T], deal func(Item[T])) error {
	return outlive(in.node, func() error {
		for it := range in.All() {
			if sent := sendUnless(out, it); !sent {
				deal(it)
			}
		}
		return nil
	})
}

// sendUnless sends it on, unless it has failed and an error policy may take it.
func sendUnless[T any](out *Outlet[T], it Item[T]) bool {
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

func (s *onError[T]) TakesFailures() bool { return true }

func (s *onError[T]) Validate() error { return needs(s.f == nil, "function is nil") }

func (s *onError[T]) Run(ctx context.Context, in *Inlet[T], out *Outlet[T]) error {
	return dealFailed(in, out, func(it Item[T]) { askOf(ctx, s, in, it, out) })
}

// askOf lets the function decide on a failed item.
func askOf[T any](ctx context.Context, s *onError[T], in *Inlet[T], it Item[T], out *Outlet[T]) {
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
	return &deadLetter[T]{put}
}

type deadLetter[T any] struct {
	put func(context.Context, *ItemError) error
}

func (s *deadLetter[T]) TakesFailures() bool { return true }

func (s *deadLetter[T]) Validate() error { return needs(s.put == nil, "function is nil") }

func (s *deadLetter[T]) Run(ctx context.Context, in *Inlet[T], out *Outlet[T]) error {
	return dealFailed(in, out, func(it Item[T]) { putAside(ctx, s, in, it, out) })
}

// putAside puts a failed item aside.
func putAside[T any](ctx context.Context, s *deadLetter[T], in *Inlet[T], it Item[T], out *Outlet[T]) {
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

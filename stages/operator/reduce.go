package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Reduce folds all items into one value. It sends the value on when the stream has ended, by
// itself or by a drain. It begins with initial, which is the result if no item came.
//
//	in:   --1--2--3--4--|
//	f:      (sum, x) => sum+x, from 0
//	out:  ---------------10-|
//
// An error of f, or a panic, fails the item and leaves the result as it was; [stages.ErrDrop]
// drops the item. The result carries the timings of the first item and the acknowledgements
// of all items. The other items count as folded. If the flow is aborted the result fails.
// Each run begins with initial. If it contains a map, a slice or a pointer, all runs share
// what that refers to.
func Reduce[T, A any](initial A, f func(ctx context.Context, result A, v T) (A, error)) stages.Stage[T, A] {
	return &reducer[T, A]{initial, f}
}

type reducer[T, A any] struct {
	initial A
	f       func(context.Context, A, T) (A, error)
}

// Validate implements [stages.Validator].
func (r *reducer[T, A]) Validate() error { return needs(r.f == nil, "function is nil") }

func (r *reducer[T, A]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[A]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	sum := kernel.NewFolding(k)
	defer sum.Close()
	result := r.initial
	for sum.Next(func(ctx context.Context) error {
		next, err := r.f(ctx, result, typed.At[T](k))
		if err == nil {
			result = next
		}
		return err
	}) {
	}
	if k.Node().Run().Aborted() {
		return nil // Close fails the held item
	}
	if m, ok := sum.Result(); ok {
		typed.Send(o, &m, result)
	} else {
		typed.Emit(o, result)
	}
	return nil
}

package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Concat sends on the items of the first inlet to its end, then those of the second, and so
// on. Meanwhile the other inlets fill up and wait. So no two inlets may have a stage above in
// common: such a flow is not valid.
//
//	in:   --1--2--|
//	in:   -a--b------c--|
//	out:  --1--2--a--b-c--|
func Concat[T any]() stages.FanIn[T, T] { return &concatenator[T]{} }

type concatenator[T any] struct{ single }

// TakesTurns implements [stages.TurnTaker].
func (*concatenator[T]) TakesTurns() bool { return true }

func (*concatenator[T]) Run(_ context.Context, ins []*stages.Inlet[T], out *stages.Outlet[T]) error {
	for _, in := range ins {
		forward(kernel.Of(in), kernel.OutletOf(out))
	}
	return nil
}

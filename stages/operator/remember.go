package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Remember is a stage that keeps each item's value as it is now. If the item fails in a later
// stage, the failure shows the value as [stages.ItemError.Origin]. Put it right after a
// source, so that dead letters can be replayed from the beginning. It costs an allocation, and
// keeps the value alive while the item is in the flow.
func Remember[T any]() stages.Stage[T, T] { return &rememberer[T]{} }

type rememberer[T any] struct{ single }

func (*rememberer[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	for v, m, ok := typed.Next[T](k); ok; v, m, ok = typed.Next[T](k) {
		m = k.Remember(m, typed.Memory(v))
		typed.Send(o, &m, v)
	}
	return nil
}

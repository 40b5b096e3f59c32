package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Broadcast sends each item to all outlets. Each copy has a lineage of its own that continues
// the item's. The values are copied as Go copies them: what a pointer or a slice refers to is
// shared.
//
//	in:   --1---2---3-->
//	out:  --1---2---3-->
//	out:  --1---2---3-->
//
// The slowest branch sets the pace for all. An outlet is left out when no stage below it wants
// more items. An item is acknowledged when all branches are done with it.
func Broadcast[T any]() stages.FanOut[T] { return &broadcaster[T]{} }

type broadcaster[T any] struct{ single }

func (*broadcaster[T]) Run(_ context.Context, in *stages.Inlet[T], outs []*stages.Outlet[T]) error {
	fan := fanOf(in, outs)
	for {
		from, to, ok := fan.Take()
		if !ok {
			return nil
		}
		fan.Copy(from, to)
	}
}

// fanOf returns the kernel's side of a fan-out.
func fanOf[T any](in *stages.Inlet[T], outs []*stages.Outlet[T]) *kernel.Fan {
	return kernel.NewFan(kernel.Of(in), outletsOf(outs))
}

func outletsOf[T any](outs []*stages.Outlet[T]) []*kernel.Outlet {
	all := make([]*kernel.Outlet, len(outs))
	for i, out := range outs {
		all[i] = kernel.OutletOf(out)
	}
	return all
}

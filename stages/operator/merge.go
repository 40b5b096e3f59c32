package operator

import (
	"context"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Merge sends on the items of all inlets as they come. The order is kept within each inlet.
// The stream ends when all inlets have ended.
//
//	in:   --1-----2------3-->
//	in:   -----a-----b------>
//	out:  --1--a--2--b---3-->
func Merge[T any]() stages.FanIn[T, T] { return &merger[T]{} }

type merger[T any] struct{ single }

// Run has a goroutine for each inlet: the outlet takes any number of senders.
func (*merger[T]) Run(_ context.Context, ins []*stages.Inlet[T], out *stages.Outlet[T]) error {
	var wg conc.WaitGroup
	for _, in := range ins {
		wg.Go(func() { forward(kernel.Of(in), kernel.OutletOf(out)) })
	}
	wg.Wait()
	return nil
}

// forward sends all items of in.
func forward(in *kernel.Inlet, out *kernel.Outlet) {
	for {
		from, to, ok := in.Take(handoff.BatchSize)
		if !ok {
			return
		}
		out.Forward(in, from, to)
	}
}

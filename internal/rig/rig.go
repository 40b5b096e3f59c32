// Package rig runs stages without a flow, for tests of the packages below package flow.
package rig

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Runtime is a run whose nodes the test joins by hand.
type Runtime struct{ *kernel.Run }

// New returns a run with nodes of these names. The test must call Close after everything that it
// started on the run has returned.
func New(ctx context.Context, untimed bool, names ...string) *Runtime {
	rt := &Runtime{kernel.NewRun(ctx, !untimed, false)}
	for _, name := range names {
		rt.NewNode(name)
	}
	return rt
}

// Check returns an error if the account of a node does not balance.
func Check(n *kernel.Node) error { return stages.Ledger(n.Ledger()).Check() }

// Outlet and Inlet are the ends of an edge as a test holds them.
type (
	Outlet[T any] struct {
		*stages.Outlet[T]
		kernel *kernel.Outlet
	}
	Inlet[T any] struct {
		edge *kernel.Edge
	}
)

// Link joins two nodes.
func Link[T any](rt *Runtime, from, to *kernel.Node, bound int) (Outlet[T], Inlet[T]) {
	e := rt.Link(from, to, bound, typed.Of[T]())
	out := Outlet[T]{new(stages.Outlet[T]), kernel.NewOutlet(e)}
	kernel.BindOutlet(out.Outlet, out.kernel)
	return out, Inlet[T]{e}
}

// inlet makes the receiving end. Failed items go to way, which is nil at a sink.
func (in Inlet[T]) inlet(way *kernel.Outlet, stage any) (*kernel.Inlet, *stages.Inlet[T]) {
	t, ok := stage.(stages.FailureTaker)
	k := kernel.NewInlet(in.edge, way, ok && t.TakesFailures())
	typed := new(stages.Inlet[T])
	kernel.Bind(typed, k)
	return k, typed
}

// RunSource runs s, which sends by out, until it has returned.
func RunSource[T any](s stages.Source[T], out Outlet[T]) {
	out.kernel.Node().RunSource(out.kernel, func(ctx context.Context) error { return s.Run(ctx, out.Outlet) })
}

// RunStage runs s between in and out until both streams have ended.
func RunStage[I, O any](s stages.Stage[I, O], in Inlet[I], out Outlet[O]) {
	k, typed := in.inlet(out.kernel, s)
	n := k.Node()
	n.Serves(s)
	n.Serve([]*kernel.Inlet{k}, []*kernel.Outlet{out.kernel}, func() error { return s.Run(n.Run().Ctx, typed, out.Outlet) })
}

// RunSink runs s, which receives from in, until the stream has ended.
func RunSink[T any](s stages.Sink[T], in Inlet[T]) {
	k, typed := in.inlet(nil, s)
	n := k.Node()
	n.Serves(s)
	n.Serve([]*kernel.Inlet{k}, nil, func() error { return s.Run(n.Run().Ctx, typed) })
}

package flow

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Stream is the items that leave a source or a stage. Its methods add the next stage. A
// stream has one receiver. Methods never fail and start nothing; [Graph.Validate], which
// every run calls first, reports all faults.
//
// Many methods have a type parameter that is pinned to the stream's own type by
// [StreamOf] or [SliceOf]. It is always inferred, so no caller writes it. It is there for
// the compiler, which makes such a method only for the types that it is called for.
type Stream[T any] struct {
	graph *Graph
	wire  *wire
}

// StreamOf is the type *Stream[T]. It is always inferred.
type StreamOf[T any] interface{ *Stream[T] }

// SliceOf is the type []T. It is always inferred.
type SliceOf[T any] interface{ []T }

// Via adds any stage, under a name. All other methods that add a stage do the same.
func (s *Stream[T]) Via[U any](name string, stage stages.Stage[T, U], opts ...stages.StageOption) *Stream[U] {
	settings := stages.Apply(opts...)
	settings.Name = name
	return via(s, name, stage, settings)
}

// via appends a stage. Its name comes from the settings, or else from its kind.
func via[T, U any](s *Stream[T], kind string, stage stages.Stage[T, U], settings stages.Settings) *Stream[U] {
	g := s.graph.root()
	n := g.join(s.wire, kind, stage, settings, func(ctx context.Context, ins []*kernel.Inlet, outs []*kernel.Outlet) error {
		return stage.Run(ctx, inletOf[T](ins[0]), outletOf[U](outs[0]))
	})
	return newStream[U](g, n)
}

// named returns the settings of options, with a name.
//
//go:noinline
func named[O stages.Option](name string, opts []O) stages.Settings {
	s := stages.Apply(opts...)
	s.Name = name
	return s
}

// To ends the stream in a sink, and returns the graph. The sink is named "sink" unless
// [stages.Name] is set.
func (s *Stream[T]) To[S StreamOf[T]](sink stages.Sink[T], opts ...stages.StageOption) *Graph {
	return to(s, "sink", sink, stages.Apply(opts...))
}

func to[T any](s *Stream[T], kind string, sink stages.Sink[T], settings stages.Settings) *Graph {
	g := s.graph.root()
	g.join(s.wire, kind, sink, settings, func(ctx context.Context, ins []*kernel.Inlet, _ []*kernel.Outlet) error {
		return sink.Run(ctx, inletOf[T](ins[0]))
	})
	return g
}

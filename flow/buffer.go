package flow

import (
	"slices"

	"github.com/weir-go/weir/stages"
)

// lead makes n the receiver of the stream, and returns the edge to it. An edge
// that drops what it has no room for is a stage of its own, since what it drops
// must be on somebody's books; the edge behind it is as small as can be.
func lead[T any](s *Stream[T], n *node, settings stages.Settings) *wire {
	w := s.wire
	if settings.Overflow == stages.Block || w.to != nil {
		w.lead(n, settings)
		return w
	}
	g := s.graph.root()
	stage := stages.Overflow[T](settings.Buffer, settings.Overflow)
	b := g.add(n.name+"-buffer", stage, stages.Settings{Workers: 1})
	nodes := g.nodes[:len(g.nodes)-1]
	g.nodes = slices.Insert(nodes, slices.Index(nodes, n), b) // in the order in which items pass
	w.lead(b, stages.Settings{})
	next := &Stream[T]{graph: g, wire: newWire[T](g, b)}
	b.start = func(r *Run) func() {
		in, out := inletOf[T](r, w), outletOf[T](r, next.wire)
		return func() { stages.RunStage(stage, in, out) }
	}
	next.wire.lead(n, stages.Settings{Buffer: 1})
	return next.wire
}

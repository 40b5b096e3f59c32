package flow

import (
	"context"
	"slices"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

// lead makes n the receiver of w. If the edge may drop items, a stage of its own does that, so that
// the items are in an account. The edge behind that stage is as small as possible.
func (g *Graph) lead(w *wire, n *node, s stages.Settings) {
	if s.Overflow == stages.Block || w.to != nil {
		w.lead(n, s)
		return
	}
	stage := operator.Overflow[any](s.Buffer, s.Overflow) // works for items of any type
	b := g.add(n.name+"-buffer", stage, stages.Settings{Workers: 1})
	pass, _ := stage.(interface {
		Pass(in *kernel.Inlet, out *kernel.Outlet) error
	})
	b.run = func(_ context.Context, ins []*kernel.Inlet, outs []*kernel.Outlet) error {
		return pass.Pass(ins[0], outs[0])
	}
	nodes := g.nodes[:len(g.nodes)-1]
	g.nodes = slices.Insert(nodes, slices.Index(nodes, n), b) // in the order in which items pass
	w.lead(b, stages.Settings{})
	g.wire(b, w.columns).lead(n, stages.Settings{Buffer: 1})
}

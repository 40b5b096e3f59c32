package kernel

import (
	"context"

	"github.com/weir-go/weir/internal/handoff"
)

// forgo marks the edge as unwanted: no stage below takes what comes. A source that leads to no
// other stage stops, and with the last source the intake.
func (e *Edge) forgo() {
	r := e.to.run
	r.mu.Lock()
	e.forgoLocked()
	last := true
	for _, n := range r.nodes {
		last = last && (!n.source() || n.unwanted.Load())
	}
	r.mu.Unlock()
	if last {
		r.Stop()
	}
}

func (e *Edge) forgoLocked() {
	e.unwanted.Store(true)
	n := e.from
	for _, out := range n.Outs {
		if !out.unwanted.Load() {
			return // another stage wants the node's items
		}
	}
	if n.source() {
		n.unwanted.Store(true)
		n.close()
	}
	for _, in := range n.Ins {
		in.forgoLocked()
	}
}

// Open makes the end of the source's intake known. It may not be wanted any more.
func (n *Node) Open(stop context.CancelFunc) {
	n.mu.Lock()
	n.intake = stop
	n.mu.Unlock()
	if n.unwanted.Load() {
		stop()
	}
}

// close ends the source's intake if the node is a source at work.
func (n *Node) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.intake != nil {
		n.intake()
	}
}

// above returns the nodes that the edge comes from, near and far.
func (e *Edge) above() map[*Node]bool {
	all := map[*Node]bool{}
	var climb func(*Node)
	climb = func(n *Node) {
		if all[n] {
			return
		}
		all[n] = true
		for _, in := range n.Ins {
			climb(in.from)
		}
	}
	climb(e.from)
	return all
}

// Forked reports whether two inlets have a node above them in common. It returns, of
// each, the names of the nodes that are above it alone.
func Forked(a, b *Inlet) (common bool, onlyA, onlyB map[string]bool) {
	aboveA, aboveB := a.edge.above(), b.edge.above()
	minus := func(x, y map[*Node]bool) map[string]bool {
		only := map[string]bool{}
		for n := range x {
			if y[n] {
				common = true
			} else {
				only[n.Name] = true
			}
		}
		return only
	}
	onlyA, onlyB = minus(aboveA, aboveB), minus(aboveB, aboveA)
	return common, onlyA, onlyB
}

// ShareRoom has the outlets of a stage, which has no other senders, report room on one
// channel; see [WaitRoom].
func ShareRoom(outs []*Outlet) { handoff.ShareRoom(edgesOf(outs)) }

// WaitRoom blocks until one of the outlets may have room for an item.
func WaitRoom(outs []*Outlet) { handoff.WaitRoom(edgesOf(outs)) }

func edgesOf(outs []*Outlet) []*handoff.Edge {
	edges := make([]*handoff.Edge, len(outs))
	for i, o := range outs {
		edges[i] = &o.edge.Edge
	}
	return edges
}

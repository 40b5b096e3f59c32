package kernel

import (
	"context"

	"github.com/weir-go/weir/internal/handoff"
)

// forgo marks the edge as unwanted: no stage below takes its items. A source without other
// consumers stops. When all sources have stopped this way, the intake stops.
func (e *Edge) forgo() {
	r := e.To.run
	r.mu.Lock()
	e.forgoLocked()
	last := true
	for _, n := range r.nodes {
		last = last && (!n.IsSource() || n.unwanted.Load())
	}
	r.mu.Unlock()
	if last {
		r.Stop()
	}
}

func (e *Edge) forgoLocked() {
	e.unwanted.Store(true)
	n := e.From
	for _, out := range n.Outs {
		if !out.unwanted.Load() {
			return // another stage wants the node's items
		}
	}
	if n.IsSource() {
		n.unwanted.Store(true)
		n.close()
	}
	for _, in := range n.Ins {
		in.forgoLocked()
	}
}

// stopBy sets the function that stops the source. It calls stop at once if no stage wants the
// source's items.
func (n *Node) stopBy(stop context.CancelFunc) {
	n.mu.Lock()
	n.intake = stop
	n.mu.Unlock()
	if n.unwanted.Load() {
		stop()
	}
}

// close stops the source if the node is a source at work.
func (n *Node) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.intake != nil {
		n.intake()
	}
}

// above returns all nodes above the edge, direct or not, also those above a topic in memory.
func (e *Edge) above() map[*Node]bool {
	all := map[*Node]bool{}
	var climb func(*Node)
	climb = func(n *Node) {
		if all[n] {
			return
		}
		all[n] = true
		for _, in := range n.Ins {
			climb(in.From)
		}
		if n.follows != nil {
			climb(n.follows)
		}
	}
	climb(e.From)
	return all
}

// Forked reports whether two inlets have a node above them in common. For each inlet it also
// returns the names of the nodes that are above it but not above the other.
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

// ShareRoom makes the outlets of a stage report room on one channel; see [WaitRoom]. The outlets
// must have no other senders.
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

package stages

import (
	"context"
	"sync/atomic"
	"time"
)

// joint is an edge as seen from outside: between which nodes, and how full.
type joint struct {
	from, to *Node
	edge     *level
	unwanted atomic.Bool // nobody below takes what comes; written under the runtime's mutex
}

// EdgeState is an edge of a run at one moment. Where items pile up before a
// stage, Full on the edge to it says so; Empty says that it has nothing to do.
// Following the full edges down the graph leads to the stage that all wait for.
type EdgeState struct {
	// From and To are the names of the nodes.
	From, To string
	// Depth is how many items are on the edge: sent by the one and not finished
	// by the other. Bound is how many there can be.
	Depth, Bound int
	// Full is how long From has been blocked because the edge was full, by at
	// least one of its goroutines. Empty is how long To has been blocked because
	// there was nothing on it; it is zero in an untimed run.
	Full, Empty time.Duration
	// Fused reports that To's work on the last items was done by the goroutine of
	// From: both are cheap, and share it as long as they are. Empty leaves that
	// time out.
	Fused bool
}

// Edges returns the state of all edges, in the order in which they were made.
// It may be called at any time, from any goroutine; it takes each edge's lock
// for a moment, and costs the stages nothing else.
func (rt *Runtime) Edges() []EdgeState {
	states := make([]EdgeState, len(rt.joints))
	for i, j := range rt.joints {
		states[i] = stateOf(j.edge, rt.stamp())
		states[i].From, states[i].To = j.from.name, j.to.name
	}
	return states
}

// forgo says that nobody wants what comes by j any more. A source that leads to
// nobody else is stopped, and with the last of them the intake.
func (rt *Runtime) forgo(j *joint) {
	rt.mu.Lock()
	rt.forgoLocked(j)
	last := true
	for _, n := range rt.nodes {
		last = last && (len(n.ins) > 0 || n.unwanted.Load())
	}
	rt.mu.Unlock()
	if last {
		rt.Stop()
	}
}

func (rt *Runtime) forgoLocked(j *joint) {
	j.unwanted.Store(true)
	for _, out := range j.from.outs {
		if !out.unwanted.Load() {
			return // somebody else wants the node's items
		}
	}
	if len(j.from.ins) == 0 {
		j.from.unwanted.Store(true)
		j.from.close()
	}
	for _, in := range j.from.ins {
		rt.forgoLocked(in)
	}
}

// open makes the source's intake known, which may not be wanted any more.
func (n *Node) open(stop context.CancelFunc) {
	n.mu.Lock()
	n.intake = stop
	n.mu.Unlock()
	if n.unwanted.Load() {
		stop()
	}
}

// close ends the source's intake, where the node is a source at work.
func (n *Node) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.intake != nil {
		n.intake()
	}
}

// above returns the nodes that j comes of, near and far.
func (j *joint) above() map[*Node]bool {
	all := map[*Node]bool{}
	var climb func(*Node)
	climb = func(n *Node) {
		if all[n] {
			return
		}
		all[n] = true
		for _, in := range n.ins {
			climb(in.from)
		}
	}
	climb(j.from)
	return all
}

// forked tells whether two joints come of a common node, which may have to wait
// for one of them while somebody below waits for the other; and of each, which
// nodes, by name, are above it and not above the other.
func forked(a, b *joint) (common bool, onlyA, onlyB map[string]bool) {
	aboveA, aboveB := a.above(), b.above()
	minus := func(x, y map[*Node]bool) map[string]bool {
		only := map[string]bool{}
		for n := range x {
			if y[n] {
				common = true
			} else {
				only[n.name] = true
			}
		}
		return only
	}
	onlyA, onlyB = minus(aboveA, aboveB), minus(aboveB, aboveA)
	return common, onlyA, onlyB
}

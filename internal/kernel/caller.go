package kernel

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Caller calls the op of a node (see [Node.Does]) for items that were taken from their edge before.
// A node can have several callers at work.
//
// Owner: the goroutine of a worker.
type Caller struct {
	node    *Node
	in, out *handoff.Batch
	n       int // items in in
	last    int // items of the last call
	group   Group
	pace    Pace
}

// NewCaller returns a caller. in and out are the columns of items and of results.
func NewCaller(n *Node, in, out handoff.Columns) *Caller {
	c := &Caller{node: n, in: handoff.NewBatch(in, handoff.BatchSize), out: handoff.NewBatch(out, handoff.BatchSize), pace: NewPace()}
	c.group.pace = &c.pace
	return c
}

// Most returns the number of items for which the op may be called before any result is sent.
func (c *Caller) Most() int { return c.pace.batch() }

// Made returns the number of items of the last call.
func (c *Caller) Made() int { return c.last }

// Add moves healthy items at places of b into the caller.
func (c *Caller) Add(b *handoff.Batch, places []int32) {
	c.in.Gather(c.n, b, places)
	c.n += len(places)
}

// Call calls the op for the added items, and sends the results. If the op ends the goroutine, the
// results so far are sent first.
func (c *Caller) Call(o *Outlet) {
	n, g := c.node, &c.group
	begin := n.run.now()
	c.last = c.n
	g.Out, g.N = c.out, 0
	g.begin(n, c.in, 0, c.n)
	n.calls.Add(1)
	defer func() {
		n.calls.Add(-1)
		g.account(begin, n.run.now())
		g.tally.Publish(&n.Books)
		o.copy(c.out, Span(0, g.N), nil)
		c.in.Vals.Clear(0, c.n)
		c.out.Vals.Clear(0, c.n)
		c.in.Reset()
		c.out.Reset()
		c.n = 0
	}()
	g.run()
}

// ---- Calls of a section, which keep the places of items

// Bind binds the group to the node, for [Group.Call].
func (g *Group) Bind(n *Node) { g.node, g.Ctx = n, n.run.Ctx }

// At sets where the outcomes of calls go: errors to errs, and what hooks see to calls, which may be
// nil. Errors and results have the places of their items.
func (g *Group) At(errs *[handoff.BatchSize]error, calls *[handoff.BatchSize]Call) {
	g.errs, g.calls = errs, calls
}

// Call calls the op for the places of in from from up to to. limits has the limits of the items in
// limited.
func (g *Group) Call(in, out *handoff.Batch, from, to int, limited Mask, limits *[handoff.BatchSize]lineage.Limit) {
	g.N, g.Out, g.limited, g.limits = from, out, limited, limits
	g.begin(g.node, in, from, to)
	g.run()
}

// Untried returns the places for which Call has called no function.
func (g *Group) Untried() Mask { return Mask(g.idle) << g.from }

// Dropped returns the places whose items Call has dropped on purpose.
func (g *Group) Dropped() Mask { return Mask(g.gone) << g.from }

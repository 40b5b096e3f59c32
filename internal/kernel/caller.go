package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Caller calls the op of a node, see [Node.Does], for items that were taken from their edge
// before. Several callers of one node can be at work.
//
// Owner: the goroutine of a worker.
type Caller struct {
	node    *Node
	in, out *handoff.Batch
	n       int // items in in
	last    int // items of the last call
	group   Group
	pace    Pace
	tally   account.Tally
}

// NewCaller returns a caller for items of the type in, whose results are of the type out.
func NewCaller(n *Node, in, out handoff.Columns) *Caller {
	c := &Caller{node: n, in: handoff.NewBatch(in, handoff.BatchSize), out: handoff.NewBatch(out, handoff.BatchSize), pace: NewPace()}
	c.group.pace = &c.pace
	return c
}

// Most returns for how many items the op may be called before any result is sent on.
func (c *Caller) Most() int { return c.pace.batch() }

// Made returns for how many items the last call was.
func (c *Caller) Made() int { return c.last }

// Add moves the items at places of b, which are healthy, into the caller.
func (c *Caller) Add(b *handoff.Batch, places []int32) {
	c.in.Gather(c.n, b, places)
	c.n += len(places)
}

// Call calls the op for what was added, and sends the results on. If the op ends the goroutine,
// that happens before it goes.
func (c *Caller) Call(o *Outlet) {
	n, g := c.node, &c.group
	begin := n.run.now()
	c.last = c.n
	g.Out, g.N = c.out, 0
	g.begin(n, c.in, 0, c.n)
	n.calls.Add(1)
	defer func() {
		n.calls.Add(-1)
		g.account(&c.tally, begin, n.run.now())
		c.tally.Publish(&n.Books)
		o.copy(c.out, 0, g.N)
		c.in.Vals.Clear(0, c.n)
		c.out.Vals.Clear(0, c.n)
		c.in.Reset()
		c.out.Reset()
		c.n = 0
	}()
	g.run()
}

// ---- Calls in place, of a section

// Bind makes the group one of the node, for [Group.Call].
func (g *Group) Bind(n *Node) { g.node, g.Ctx = n, n.run.Ctx }

// At says where the outcomes of calls go: failures by place of their item, and what hooks see, which
// may be nil. Results have the places of their items.
func (g *Group) At(errs *[handoff.BatchSize]error, calls *[handoff.BatchSize]Call) {
	g.errs, g.calls = errs, calls
}

// Call calls the op for the places of in from from up to to. Items with
// limits are called for apart from the others.
func (g *Group) Call(in, out *handoff.Batch, from, to int, limited Mask, limits *[handoff.BatchSize]lineage.Limit) {
	g.N, g.Out = from, out
	g.begin(g.node, in, from, to)
	for g.Next = from; g.Next < to; {
		if limited&One(g.Next) != 0 {
			l, end := &limits[g.Next], g.Next+1
			for end < to && limited&One(end) != 0 && l.SameAs(&limits[end]) {
				end++
			}
			g.apart(l, end)
			continue
		}
		for g.End = g.Next + 1; g.End < to && limited&One(g.End) == 0; g.End++ {
		}
		g.works()
	}
}

// Untried returns the places for which Call has called no function.
func (g *Group) Untried() Mask { return Mask(g.idle) << g.from }

// Dropped returns the places whose items Call has dropped on purpose.
func (g *Group) Dropped() Mask { return Mask(g.gone) << g.from }

package flow

import (
	"context"
	"fmt"
	"maps"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Graph is a dataflow that was wired and not started. Building it starts nothing. It can be
// run repeatedly, and concurrently if its sources and sinks allow that. It must not be
// changed while it is started.
type Graph struct {
	nodes    []*node
	wires    []*wire
	names    map[string]int
	sections []*begun
	cuts     []*cut // topics
	into     *Graph // the graph of which it has become a part, nil if there is none
}

// node is a source, a stage or a sink of a graph.
type node struct {
	name    string
	kind    string // kind after which it was named; "" if the user named it
	what    any    // the source, stage or sink
	faults  []error
	staff   stages.Staffed // nil if its workers cannot be set
	takes   bool           // it receives failed items
	turns   bool           // it waits for one inlet while another one fills
	pairs   bool           // as turns, unless Entangle was called
	pairing bool           // it pairs the items of two inputs
	bound   int            // of a source: largest number of unsettled items; 0 for no bound
	holds   int            // number of items for which it waits; 0 if not known

	ins, outs []*wire
	run       runner
}

// runner runs a source, stage or sink between its edges, in the goroutine of its node.
type runner func(ctx context.Context, ins []*kernel.Inlet, outs []*kernel.Outlet) error

// wire is an edge of a graph.
type wire struct {
	from, to *node
	bound    int
	twice    bool // it has more than one receiver
	columns  handoff.Columns
}

// New returns an empty graph.
func New() *Graph { return &Graph{names: map[string]int{}} }

// From begins a graph of its own with a source; see [Graph.From].
func From[T any](src stages.Source[T], opts ...stages.SourceOption) *Stream[T] {
	return New().From(src, opts...)
}

// From adds a source and returns the stream of what it brings. The source is named "source"
// unless [stages.Name] is set.
func (g *Graph) From[T any](src stages.Source[T], opts ...stages.SourceOption) *Stream[T] {
	g = g.root()
	n := g.add("source", src, stages.Apply(opts...))
	n.run = func(ctx context.Context, _ []*kernel.Inlet, outs []*kernel.Outlet) error {
		return src.Run(ctx, outletOf[T](outs[0]))
	}
	return newStream[T](g, n)
}

// add adds a node. Its name comes from the settings, or else from its kind.
func (g *Graph) add(kind string, what any, s stages.Settings) *node {
	n := &node{name: s.Name, what: what, run: func(context.Context, []*kernel.Inlet, []*kernel.Outlet) error { return nil }}
	if n.name == "" {
		n.name, n.kind = g.free(kind), kind
	}
	g.names[n.name]++
	if isNil(what) {
		n.fault("it is nil")
	} else {
		n.describe(what)
	}
	n.blame(s.Validate())
	g.nodes = append(g.nodes, n)
	return n
}

// join adds a node that receives w. It is not generic, so that methods of streams compile fast.
func (g *Graph) join(w *wire, kind string, what any, s stages.Settings, run runner) *node {
	n := g.add(kind, what, s)
	g.lead(w, n, s)
	n.run = run
	return n
}

// describe records what the graph must know of a source, stage or sink.
func (n *node) describe(what any) {
	if v, ok := what.(stages.Validator); ok {
		n.blame(v.Validate())
	}
	n.staff, _ = what.(stages.Staffed)
	if b, ok := what.(stages.Bounded); ok {
		n.bound = b.MaxUnsettled()
	}
	if h, ok := what.(stages.Holder); ok {
		n.holds = h.Holds()
	}
	if t, ok := what.(stages.FailureTaker); ok {
		n.takes = t.TakesFailures()
	}
	if t, ok := what.(stages.TurnTaker); ok {
		n.turns = t.TakesTurns()
	}
	if t, ok := what.(stages.PairTaker); ok {
		n.pairs = t.TakesPairs()
	}
}

func (n *node) fault(format string, args ...any) { n.blame(fmt.Errorf(format, args...)) }

// free returns kind, or kind with the first number that makes it unique.
func (g *Graph) free(kind string) string {
	name := kind
	for i := 2; g.names[name] > 0; i++ {
		name = fmt.Sprintf("%s-%d", kind, i)
	}
	return name
}

// root returns g, or the graph of which g has become a part.
func (g *Graph) root() *Graph {
	for g.into != nil {
		g = g.into
	}
	return g
}

// absorb makes other a part of g. Both must be roots.
func (g *Graph) absorb(other *Graph) {
	if g == other {
		return
	}
	for _, n := range other.nodes {
		if n.kind != "" {
			n.name = g.free(n.kind)
		}
		g.names[n.name]++
	}
	g.nodes = append(g.nodes, other.nodes...)
	g.wires = append(g.wires, other.wires...)
	g.sections = append(g.sections, other.sections...)
	g.cuts = append(g.cuts, other.cuts...)
	*other = Graph{into: g}
}

// newStream adds an edge that leads from the node.
func newStream[T any](g *Graph, from *node) *Stream[T] {
	return &Stream[T]{graph: g, wire: g.wire(from, typed.Of[T]())}
}

// wire adds an edge that leads from the node.
//
//go:noinline
func (g *Graph) wire(from *node, columns handoff.Columns) *wire {
	w := &wire{from: from, columns: columns}
	from.outs = append(from.outs, w)
	g.wires = append(g.wires, w)
	return w
}

// lead makes n the receiver of w.
func (w *wire) lead(n *node, s stages.Settings) {
	w.twice = w.to != nil
	w.to, w.bound = n, s.Buffer
	if w.bound == 0 {
		w.bound = stages.DefaultBuffer
	}
	n.ins = append(n.ins, w)
}

// shared returns a node that is above two of n's inputs, nil if there is none.
func (g *Graph) shared(n *node) *node {
	seen := map[*node]bool{}
	for _, w := range n.ins {
		above := map[*node]bool{}
		w.from.climb(above)
		g.climbTopics(above)
		for _, m := range g.nodes {
			if above[m] && seen[m] {
				return m
			}
		}
		maps.Copy(seen, above)
	}
	return nil
}

// climb adds n and all nodes above it to above.
func (n *node) climb(above map[*node]bool) {
	if above[n] {
		return
	}
	above[n] = true
	for _, w := range n.ins {
		w.from.climb(above)
	}
}

// climbTopics adds to above what leads to its nodes through topics in memory.
func (g *Graph) climbTopics(above map[*node]bool) {
	for n := -1; n < len(above); {
		n = len(above)
		for _, c := range g.cuts {
			if c.local && above[c.to] {
				c.from.climb(above)
			}
		}
	}
}

// ---- The typed edges of a node

func inletOf[T any](k *kernel.Inlet) *stages.Inlet[T] {
	in := new(stages.Inlet[T])
	kernel.Bind(in, k)
	return in
}

func outletOf[T any](k *kernel.Outlet) *stages.Outlet[T] {
	out := new(stages.Outlet[T])
	kernel.BindOutlet(out, k)
	return out
}

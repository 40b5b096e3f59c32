package flow

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/weir-go/weir/stages"
)

// Graph is a dataflow that has been wired and not started. Building it starts
// nothing; it may be run often, also at the same time, as far as its sources
// and sinks can be. It must not be changed while it is started.
type Graph struct {
	nodes []*node
	wires []*wire
	names map[string]int
	open  map[*node]bool // sections that have no call yet
	into  *Graph         // what it has become a part of, nil where it stands alone
}

// node is a source, a stage or a sink of a graph.
type node struct {
	name  string
	kind  string // what it was named after; "" where the user named it
	what  any    // the source, stage or sink
	turns bool   // it waits for one inlet while another fills up
	pairs bool   // so it does, unless it is told that it must not
	fault error
	staff stages.Staffed    // nil where there are no workers to set
	start func(*Run) func() // returns what the node's goroutine does
}

// wire is an edge of a graph. Its items' type is known to link alone.
type wire struct {
	from, to *node
	bound    int
	twice    bool
	link     func(rt *stages.Runtime, from, to *stages.Node, bound int) (out, in any)
}

// New returns an empty graph.
func New() *Graph { return &Graph{names: map[string]int{}, open: map[*node]bool{}} }

// From begins a graph of its own with a source; see [Graph.From].
func From[T any](src stages.Source[T], opts ...Option) *Stream[T] { return New().From(src, opts...) }

// From adds a source and returns the stream of what it brings.
func (g *Graph) From[T any](src stages.Source[T], opts ...Option) *Stream[T] {
	g = g.root()
	n := g.add("source", src, stages.Apply(opts...))
	s := &Stream[T]{graph: g, wire: newWire[T](g, n)}
	n.start = func(r *Run) func() {
		out := outletOf[T](r, s.wire)
		return func() { stages.RunSource(src, out) }
	}
	return s
}

// add adds a node, which is named by the option or else after its kind.
func (g *Graph) add(kind string, what any, s stages.Settings) *node {
	n := &node{name: s.Name, what: what, fault: s.Validate()}
	if n.name == "" {
		n.name, n.kind = g.free(kind), kind
	}
	g.names[n.name]++
	if what == nil {
		n.fault = errors.Join(n.fault, errors.New("it is nil"))
	} else if v, ok := what.(stages.Validator); ok {
		n.fault = both(v.Validate(), n.fault)
	}
	n.staff, _ = what.(stages.Staffed)
	g.nodes = append(g.nodes, n)
	return n
}

// both joins what a stage and its options say is wrong. A stage made with the
// same options says it itself.
func both(stage, options error) error {
	if stage != nil && options != nil && strings.Contains(stage.Error(), options.Error()) {
		return stage
	}
	return errors.Join(stage, options)
}

// free returns kind, or kind with the first number that makes it unique.
func (g *Graph) free(kind string) string {
	name := kind
	for i := 2; g.names[name] > 0; i++ {
		name = fmt.Sprintf("%s-%d", kind, i)
	}
	return name
}

// root returns the graph that g is, or has become a part of.
func (g *Graph) root() *Graph {
	for g.into != nil {
		g = g.into
	}
	return g
}

// absorb makes other a part of g, both of which are roots.
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
	maps.Copy(g.open, other.open)
	*other = Graph{into: g}
}

// shared returns a node above two of n's inputs, nil where there is none.
func (g *Graph) shared(n *node) *node {
	seen := map[*node]bool{}
	for _, w := range g.wires {
		if w.to != n {
			continue
		}
		above := map[*node]bool{}
		g.climb(w.from, above)
		for _, m := range g.nodes {
			if above[m] && seen[m] {
				return m
			}
		}
		maps.Copy(seen, above)
	}
	return nil
}

// climb adds n and what is above it to above.
func (g *Graph) climb(n *node, above map[*node]bool) {
	if above[n] {
		return
	}
	above[n] = true
	for _, w := range g.wires {
		if w.to == n {
			g.climb(w.from, above)
		}
	}
}

// newWire adds an edge. It is cold, and the compiler would copy it and what it holds
// to all its callers, for each type of items.
//
//go:noinline
func newWire[T any](g *Graph, from *node) *wire {
	w := &wire{from: from, link: func(rt *stages.Runtime, from, to *stages.Node, bound int) (out, in any) {
		return stages.Link[T](rt, from, to, bound)
	}}
	g.wires = append(g.wires, w)
	return w
}

// lead makes n the receiver of w.
func (w *wire) lead(n *node, s stages.Settings) {
	w.twice = w.to != nil
	w.to, w.bound = n, s.Buffer
	if w.bound == 0 {
		w.bound = DefaultBuffer
	}
}

// Validate returns a *[GraphError] with all that is wrong with the graph, nil
// if nothing is. Every run does this first.
func (g *Graph) Validate() error { return g.root().validate(nil) }

// validate allows for one wire that leads out of the graph: to whoever runs it.
func (g *Graph) validate(end *wire) error {
	var faults []error
	fault := func(n *node, format string, args ...any) {
		faults = append(faults, fmt.Errorf("stage %q: "+format, append([]any{n.name}, args...)...))
	}
	if len(g.nodes) == 0 {
		faults = append(faults, errors.New("the graph is empty"))
	}
	seen := map[string]bool{}
	for _, n := range g.nodes {
		if g.names[n.name] > 1 && !seen[n.name] {
			fault(n, "%d stages have this name", g.names[n.name])
		}
		seen[n.name] = true
		if n.fault != nil {
			fault(n, "%w", n.fault)
		}
	}
	for _, n := range g.nodes {
		if !n.turns {
			continue
		}
		if above := g.shared(n); above != nil {
			fault(n, "it takes its inputs in turns, and two of them come of stage %q, which would wait for it for good", above.name)
		} else if by := g.tied(n); by != nil {
			fault(n, "it takes its inputs in turns, and one would wait for another for good, by way of stage %q", by.name)
		}
	}
	for _, w := range g.wires {
		switch {
		case w.twice || w.to != nil && w == end:
			fault(w.from, "its stream has more than one receiver")
		case w.to == nil && w != end && g.open[w.from]:
			fault(w.from, "the section after it has layers but no Map")
		case w.to == nil && w != end:
			fault(w.from, "its stream leads nowhere")
		}
	}
	if faults == nil {
		return nil
	}
	return &GraphError{Faults: faults}
}

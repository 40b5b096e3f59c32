package flow

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/weir-go/weir/stages"
)

// PartsVariable is the environment variable that names the parts of a graph that a process runs,
// separated by commas. [Only] overrides it.
const PartsVariable = "WEIR_PARTS"

// Part is what lies between the topics of a graph: the unit that a process runs.
type Part struct {
	// Name is that of the topic that leads to the part, or of its first source if there is none.
	Name string
	// Stages has the names of its sources, stages and sinks, in the order in which they were
	// added.
	Stages []string
}

// cut is a topic of a graph.
type cut struct {
	name         string
	from, to     *node // node that publishes, and node that sends into the part below
	local        bool
	partitioning string
	drained      func(context.Context) error // only for a DrainedTopic
}

// Through cuts the graph by a topic. An item is settled above when the topic has it. It begins
// below as a delivery of its own, with its deadline, context and timings. See package
// [github.com/weir-go/weir/stages/topic]. The part below has the name of the topic, and the stage
// that publishes has that name with "-publish" added.
//
// A process runs all parts of a graph, or only the parts that [Only] or the environment variable
// [PartsVariable] names.
//
// A run of both parts that is stopped drains the part above and then the part below, if the topic
// is in memory or is a [stages.DrainedTopic]. The sources above stop, the items inside go to the
// topic, and the part below ends when it has processed all of them. A run that has failed stops all
// parts at once. So does a run of the part below alone; the items in the topic are then for the
// next run.
func (s *Stream[T]) Through[S StreamOf[T]](name string, topic stages.Topic[T]) S {
	return through(s, name, topic)
}

func through[T any](s *Stream[T], name string, topic stages.Topic[T]) *Stream[T] {
	g := s.graph.root()
	c := &cut{name: name}
	var sink stages.Sink[T]
	var src stages.Source[T]
	if !isNil(topic) {
		sink, src = topic.Sink(), topic.Source()
		if l, ok := topic.(stages.LocalTopic); ok {
			c.local = l.Local()
		}
		if p, ok := topic.(stages.PartitionedTopic); ok {
			c.partitioning = p.Partitioning()
		}
		if d, ok := topic.(stages.DrainedTopic); ok {
			c.drained = d.Drained
		}
	}
	to(s, "publish", sink, stages.Settings{Name: name + "-publish", Workers: 1})
	c.from = g.nodes[len(g.nodes)-1]
	below := g.From(src, stages.Name(name))
	c.to = below.wire.from
	g.cuts = append(g.cuts, c)
	return below
}

// Only runs some parts of a graph; see [Graph.Parts]. The others run in other processes.
func Only(parts ...string) RunOption {
	return func(s *runSettings) {
		if len(parts) == 0 {
			s.faults = append(s.faults, fmt.Errorf("there is no part to run"))
		}
		s.only = append(s.only, parts...)
	}
}

// Parts returns the parts of the graph. A graph without topics is one part.
func (g *Graph) Parts() []Part {
	var all []Part
	for _, p := range g.root().parts() {
		part := Part{Name: p.name}
		for _, n := range p.nodes {
			part.Stages = append(part.Stages, n.name)
		}
		all = append(all, part)
	}
	return all
}

// part is a part of a graph.
type part struct {
	name  string
	nodes []*node
}

// parts returns the parts in the order of their first nodes.
func (g *Graph) parts() []*part {
	of := map[*node]*node{} // one node represents each part
	var root func(n *node) *node
	root = func(n *node) *node {
		if up, ok := of[n]; ok {
			return root(up)
		}
		return n
	}
	for _, w := range g.wires {
		if w.to == nil {
			continue
		}
		if a, b := root(w.from), root(w.to); a != b {
			of[b] = a
		}
	}
	var all []*part
	at := map[*node]*part{}
	for _, n := range g.nodes {
		p := at[root(n)]
		if p == nil {
			p = &part{name: n.name}
			at[root(n)] = p
			all = append(all, p)
		}
		p.nodes = append(p.nodes, n)
	}
	for _, c := range slices.Backward(g.cuts) {
		at[root(c.to)].name = c.name
	}
	return all
}

// selected returns the part of the graph that will run. end is the wire that leads to a sink
// outside of the graph, nil if there is none.
func (g *Graph) selected(names []string, end *wire) (*Graph, error) {
	if names == nil && len(g.cuts) > 0 {
		names = fields(os.Getenv(PartsVariable))
	}
	if len(names) == 0 {
		return g, nil
	}
	runs := map[*node]bool{}
	var known []string
	for _, p := range g.parts() {
		known = append(known, p.name)
		if slices.Contains(names, p.name) {
			for _, n := range p.nodes {
				runs[n] = true
			}
		}
	}
	var faults []error
	for _, name := range names {
		if !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("there is no part %q, only %s", name, strings.Join(known, ", ")))
		}
	}
	for _, c := range g.cuts {
		if c.local && runs[c.from] != runs[c.to] {
			faults = append(faults, fmt.Errorf("topic %q is in memory: both parts that it joins have to run in this process", c.name))
		}
	}
	if end != nil && !runs[end.from] {
		faults = append(faults, fmt.Errorf("stage %q, which the results come from, is in a part that this process does not run", end.from.name))
	}
	if faults != nil {
		return nil, &GraphError{Faults: faults}
	}
	return g.only(runs), nil
}

// fields returns the names in a list with commas.
func fields(s string) (all []string) {
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// only returns a graph of some nodes.
func (g *Graph) only(runs map[*node]bool) *Graph {
	part := &Graph{names: g.names, sections: g.sections}
	for _, n := range g.nodes {
		if runs[n] {
			part.nodes = append(part.nodes, n)
		}
	}
	for _, w := range g.wires {
		if runs[w.from] {
			part.wires = append(part.wires, w)
		}
	}
	for _, c := range g.cuts {
		if runs[c.from] && runs[c.to] {
			part.cuts = append(part.cuts, c)
		}
	}
	return part
}

// drain is a topic whose part below drains after the part above.
type drain struct {
	cut   *cut
	ended chan struct{} // closed when the part above has published its last item
}

// drains returns, for both nodes of each topic, what the topic needs to drain in order.
func (g *Graph) drains() map[*node]*drain {
	if len(g.cuts) == 0 {
		return nil
	}
	all := map[*node]*drain{}
	for _, c := range g.cuts {
		if c.drained != nil {
			d := &drain{cut: c, ended: make(chan struct{})}
			all[c.from], all[c.to] = d, d
		}
	}
	return all
}

// above waits until the part above has ended and its topic has delivered all published items.
func (d *drain) above(ctx context.Context) error {
	select {
	case <-d.ended:
		return d.cut.drained(ctx)
	case <-ctx.Done():
		return nil
	}
}

// unlike returns why a node that pairs items of two inputs cannot do that, nil if it can. It cannot
// if the two items of a pair could come to different processes.
func (g *Graph) unlike(n *node) error {
	if !n.pairing {
		return nil
	}
	above := map[*node]bool{}
	n.climb(above)
	var sources []*node
	for _, m := range g.nodes {
		if above[m] && len(m.ins) == 0 {
			sources = append(sources, m)
		}
	}
	if len(sources) < 2 {
		return nil
	}
	topics := map[*node]*cut{}
	for _, c := range g.cuts {
		if !c.local {
			topics[c.to] = c
		}
	}
	first := topics[sources[0]]
	for _, s := range sources[1:] {
		switch c := topics[s]; {
		case first == nil && c == nil:
		case first == nil || c == nil || first.partitioning == "" || first.partitioning != c.partitioning:
			return fmt.Errorf("it pairs items of %q and %q, which are not partitioned alike: those of a pair could come to different processes",
				sources[0].name, s.name)
		}
	}
	return nil
}

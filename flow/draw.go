package flow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-go/weir/stages"
)

// DOT returns a picture of the graph in the language of Graphviz. It has a box for
// each stage, with the layers of a section, and an arrow for each edge with its
// bound. A graph that is not valid can also be drawn.
func (g *Graph) DOT() string { return g.root().drawing().dot() }

// Mermaid returns the picture of [Graph.DOT] as a Mermaid flowchart, which
// Markdown shows on many sites.
func (g *Graph) Mermaid() string { return g.root().drawing().mermaid() }

// DOT returns a picture of the running graph in the language of Graphviz. It shows
// what [Graph.DOT] shows, and the live figures: items in, out, failed and
// dead-lettered, and how full each edge is. The arrow between stages that share a
// goroutine at present is dashed; see [stages.EdgeState]. It may be called at any
// time, from any goroutine, and costs what [Run.Snapshot] does.
func (r *Run) DOT() string { return r.drawing().dot() }

// Mermaid returns the picture of [Run.DOT] as a Mermaid flowchart.
func (r *Run) Mermaid() string { return r.drawing().mermaid() }

// drawing is a picture of boxes and arrows.
type drawing struct {
	boxes  []box
	arrows []arrow
	parts  []cluster // if there are several parts
}

type box struct {
	lines []string // the first is the name
	end   bool     // a source or a sink
}

// cluster is a part of the graph.
type cluster struct {
	name  string
	boxes []int
}

type arrow struct {
	from, to int // the boxes from from up to to
	label    string
	full     bool
	fused    bool
	topic    bool
}

func (g *Graph) drawing() *drawing {
	d := &drawing{}
	for _, n := range g.nodes {
		d.boxes = append(d.boxes, box{lines: n.lines()})
	}
	for _, w := range g.wires {
		if w.to != nil {
			d.join(slices.Index(g.nodes, w.from), slices.Index(g.nodes, w.to), arrow{label: fmt.Sprint(w.bound)})
		}
	}
	d.markEnds()
	d.cut(g)
	return d
}

func (r *Run) drawing() *drawing {
	d := &drawing{}
	rep := r.Snapshot()
	at := map[string]int{}
	for i, s := range rep.Stages {
		at[s.Name] = i
		lines := []string{s.Name}
		if i < len(r.graph.nodes) {
			lines = r.graph.nodes[i].lines()
		}
		d.boxes = append(d.boxes, box{lines: append(lines, figures(s))})
	}
	for _, e := range rep.Edges {
		d.join(at[e.From], at[e.To], arrow{label: fmt.Sprintf("%d/%d", e.Depth, e.Bound), full: e.Depth >= e.Bound || e.Blocked, fused: e.Fused})
	}
	d.markEnds()
	d.cut(r.graph)
	return d
}

// figures returns a stage's account in a line.
func figures(s StageReport) string {
	f := fmt.Sprintf("in %d, out %d", s.Ledger.In, s.Ledger.Out)
	if s.Ledger.Failed > 0 {
		f += fmt.Sprintf(", failed %d", s.Ledger.Failed)
	}
	if s.Ledger.DeadLettered > 0 {
		f += fmt.Sprintf(", dead-lettered %d", s.Ledger.DeadLettered)
	}
	if s.Ledger.HandedBack > 0 {
		f += fmt.Sprintf(", handed back %d", s.Ledger.HandedBack)
	}
	return f
}

// lines returns the lines in a node's box.
func (n *node) lines() []string {
	if d, ok := n.what.(stages.Describer); ok && d.Describe() != "" {
		return []string{n.name, d.Describe()}
	}
	return []string{n.name}
}

func (d *drawing) join(from, to int, a arrow) {
	a.from, a.to = from, to
	d.arrows = append(d.arrows, a)
}

// cut adds the topics and the parts of a graph. The nodes of the graph are the first boxes.
func (d *drawing) cut(g *Graph) {
	for _, c := range g.cuts {
		d.join(slices.Index(g.nodes, c.from), slices.Index(g.nodes, c.to), arrow{label: c.name, topic: true})
	}
	all := g.parts()
	if len(all) < 2 {
		return
	}
	for _, p := range all {
		x := cluster{name: p.name}
		for _, n := range p.nodes {
			x.boxes = append(x.boxes, slices.Index(g.nodes, n))
		}
		d.parts = append(d.parts, x)
	}
}

// markEnds finds the boxes to which, or from which, no arrow leads.
func (d *drawing) markEnds() {
	in, out := make([]bool, len(d.boxes)), make([]bool, len(d.boxes))
	for _, a := range d.arrows {
		out[a.from], in[a.to] = true, true
	}
	for i := range d.boxes {
		d.boxes[i].end = !in[i] || !out[i]
	}
}

func (d *drawing) dot() string {
	var b strings.Builder
	b.WriteString("digraph weir {\n\trankdir=LR\n\tnode [shape=box]\n")
	for i, x := range d.boxes {
		shape := ""
		if x.end {
			shape = ", style=rounded"
		}
		fmt.Fprintf(&b, "\tn%d [label=%s%s]\n", i, quoteDOT(strings.Join(x.lines, "\n")), shape)
	}
	for i, p := range d.parts {
		fmt.Fprintf(&b, "\tsubgraph cluster%d {\n\t\tlabel=%s\n\t\t", i, quoteDOT(p.name))
		for _, n := range p.boxes {
			fmt.Fprintf(&b, "n%d; ", n)
		}
		b.WriteString("\n\t}\n")
	}
	for _, a := range d.arrows {
		style := ""
		if a.topic {
			style = ", style=dotted, arrowhead=empty"
		}
		if a.full {
			style = ", penwidth=3"
		}
		if a.fused {
			style += ", style=dashed"
		}
		fmt.Fprintf(&b, "\tn%d -> n%d [label=%s%s]\n", a.from, a.to, quoteDOT(a.label), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// quoteDOT returns s as a string of the DOT language. Only these characters need an escape there.
func quoteDOT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func (d *drawing) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, x := range d.boxes {
		left, right := "[", "]"
		if x.end {
			left, right = "([", "])"
		}
		fmt.Fprintf(&b, "\tn%d%s%s%s\n", i, left, quoteMermaid(strings.Join(x.lines, "\n")), right)
	}
	for i, p := range d.parts {
		fmt.Fprintf(&b, "\tsubgraph p%d[%s]\n\t\t", i, quoteMermaid(p.name))
		for j, n := range p.boxes {
			if j > 0 {
				b.WriteString(" & ")
			}
			fmt.Fprintf(&b, "n%d", n)
		}
		b.WriteString("\n\tend\n")
	}
	for _, a := range d.arrows {
		line := "-->"
		switch {
		case a.topic:
			line = "--o"
		case a.fused:
			line = "-.->"
		case a.full:
			line = "==>"
		}
		fmt.Fprintf(&b, "\tn%d %s|%s| n%d\n", a.from, line, quoteMermaid(a.label), a.to)
	}
	return b.String()
}

// quoteMermaid returns s as a text of Mermaid. Its escapes are those of HTML with a number sign.
func quoteMermaid(s string) string {
	return `"` + strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", "<br>").Replace(s) + `"`
}

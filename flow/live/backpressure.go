package live

import "github.com/weir-go/weir/flow"

// congested is the percentage of time from which an edge counts as full. Below it a full edge is
// normal.
const congested = 10

// ways are the edges of a stage, by their indices in the status.
type ways struct{ in, out []int }

// waysOf returns the edges of each stage.
func waysOf(s flow.Status) []ways {
	at := make(map[string]int, len(s.Stages))
	for i, stage := range s.Stages {
		at[stage.Name] = i
	}
	all := make([]ways, len(s.Stages))
	for i, e := range s.Edges {
		from, to := at[e.From], at[e.To]
		all[from].out = append(all[from].out, i)
		all[to].in = append(all[to].in, i)
	}
	return all
}

// begins returns the stages at which backpressure begins: an edge to the stage is full, and no edge
// that leads from it is.
func begins(f frame, ways []ways) []int {
	full := func(edges []int) bool {
		for _, e := range edges {
			if f.Edges[e].Full >= congested {
				return true
			}
		}
		return false
	}
	all := []int{}
	for i, w := range ways {
		if full(w.in) && !full(w.out) {
			all = append(all, i)
		}
	}
	return all
}

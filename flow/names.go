package flow

// Names returns the names of all sources, stages and sinks of g, in the order they
// were added. They are the names in reports, even for a source or sink that was
// given no name.
//
// A graph cannot be edited after it is built, because a stage fits its neighbours
// only by their types. Decide what differs between runs while building the graph.
func (g *Graph) Names() []string {
	g = g.root()
	names := make([]string, len(g.nodes))
	for i, n := range g.nodes {
		names[i] = n.name
	}
	return names
}

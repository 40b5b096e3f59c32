package flow

// Names returns the names of all sources, stages and sinks of g, in the order
// they were added: how many there are, whether one is there, and which it is. A
// source or sink that was given none has the name it will have in reports.
//
// A graph that was built is not edited: between stages of different types nothing
// can be swapped or left out that its neighbours would still fit. What differs
// from run to run is decided while it is built.
func (g *Graph) Names() []string {
	g = g.root()
	names := make([]string, len(g.nodes))
	for i, n := range g.nodes {
		names[i] = n.name
	}
	return names
}

package flow

// deadlock is a search for a way by which an inlet of a stage would wait for another one of
// the same stage: the stage waits for what comes by one inlet while the other is full, and
// what is full holds up what it waits for.
//
// The way goes against the stream while nothing comes, and with the stream while there is
// no room. At a stage with several outlets it turns down: one that is full keeps the others
// dry. At a stage that waits for one of its inlets it turns up: while it does, the others
// are full.
type deadlock struct {
	g    *Graph
	at   *node // the stage of the inlets
	goal *wire // the inlet that would be full
	seen map[step]bool
}

// step is a stage that is waited for: for what it sends, or for room.
type step struct {
	node *node
	full bool
}

// tied returns the stage by way of which two inlets of n wait for each other, nil if they
// do not.
func (g *Graph) tied(n *node) *node {
	for _, a := range n.ins {
		for _, b := range n.ins {
			if a != b {
				d := deadlock{g: g, at: n, goal: b, seen: map[step]bool{}}
				if by := d.follow(step{a.from, false}, a); by != nil {
					return by
				}
			}
		}
	}
	return nil
}

// follow goes on from a stage that was reached by a wire. It returns the stage that waits
// for room on the goal, nil if there is none.
func (d *deadlock) follow(s step, by *wire) *node {
	if d.seen[s] || s.node == d.at {
		return nil
	}
	d.seen[s] = true
	up := !s.full || s.node.turns || s.node.pairs
	for _, w := range d.g.wires {
		var found *node
		switch {
		case w == by || w.to == nil:
		case w == d.goal && w.from == s.node:
			return s.node
		case w.from == s.node:
			found = d.follow(step{w.to, true}, w)
		case w.to == s.node && up:
			found = d.follow(step{w.from, false}, w)
		}
		if found != nil {
			return found
		}
	}
	return nil
}

package flow

import "slices"

// deadlock searches for a path by which one inlet of a stage would wait for another inlet of the
// same stage. The stage waits for items of one inlet while the other is full, and the full inlet
// holds up the stages that would send these items.
//
// The path goes up while a stage waits for items, and down while it waits for room. At a stage with
// several outlets it turns down: a full outlet keeps the others empty. At a stage that waits for
// one of its inlets it turns up: meanwhile its other inlets are full.
type deadlock struct {
	wires []*wire // of the graph; a topic in memory is one as well
	at    *node   // the stage of the inlets
	goal  *wire   // the inlet that would be full
	seen  map[step]bool
}

// step is a stage for which another one waits: for its items, or for its room.
type step struct {
	node *node
	full bool
}

// tied returns the stage through which two inlets of n wait for each other, nil if they do not.
func (g *Graph) tied(n *node) *node {
	wires := slices.Clone(g.wires)
	for _, c := range g.cuts {
		if c.local {
			wires = append(wires, &wire{from: c.from, to: c.to})
		}
	}
	for _, a := range n.ins {
		for _, b := range n.ins {
			if a != b {
				d := deadlock{wires: wires, at: n, goal: b, seen: map[step]bool{}}
				if by := d.follow(step{a.from, false}, a); by != nil {
					return by
				}
			}
		}
	}
	return nil
}

// follow continues from a stage that was reached by a wire. It returns the stage that waits for
// room on the goal, nil if there is none.
func (d *deadlock) follow(s step, by *wire) *node {
	if d.seen[s] || s.node == d.at {
		return nil
	}
	d.seen[s] = true
	up := !s.full || s.node.turns || s.node.pairs
	for _, w := range d.wires {
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

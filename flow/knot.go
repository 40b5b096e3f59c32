package flow

import "github.com/weir-go/weir/stages"

// knot looks for a way by which an inlet of a stage would wait for another one
// of the same stage, for good: the stage waits for what comes by the one while
// the other is full, and what is full holds up what it waits for.
//
// The way goes against the stream as long as nothing comes, and with the stream
// as long as there is no room. At a stage with several outlets it turns down: one
// that is full keeps the others dry. At a stage that waits for one of its inlets
// it turns up: while it does, the others are full.
type knot struct {
	g    *Graph
	at   *node // the stage whose inlets these are
	goal *wire // the inlet that would be full
	seen map[step]bool
}

// step is a stage that is waited for: for what it sends, or for room.
type step struct {
	node *node
	full bool
}

// tied returns the stage by way of which two inlets of n wait for each other,
// nil where they do not.
func (g *Graph) tied(n *node) *node {
	for _, a := range g.wires {
		for _, b := range g.wires {
			if a != b && a.to == n && b.to == n {
				k := knot{g: g, at: n, goal: b, seen: map[step]bool{}}
				if by := k.follow(step{a.from, false}, a); by != nil {
					return by
				}
			}
		}
	}
	return nil
}

// follow goes on from a stage that was reached by a wire. It returns the stage
// that waits for room on the goal, nil where there is none.
func (k *knot) follow(s step, by *wire) *node {
	if k.seen[s] || s.node == k.at {
		return nil
	}
	k.seen[s] = true
	up := !s.full || s.node.turns || s.node.pairs
	for _, w := range k.g.wires {
		var found *node
		switch {
		case w == by || w.to == nil:
		case w == k.goal && w.from == s.node:
			return s.node
		case w.from == s.node:
			found = k.follow(step{w.to, true}, w)
		case w.to == s.node && up:
			found = k.follow(step{w.from, false}, w)
		}
		if found != nil {
			return found
		}
	}
	return nil
}

func takesPairs(stage any) bool {
	p, ok := stage.(stages.PairTaker)
	return ok && p.TakesPairs()
}

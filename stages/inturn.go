package stages

import (
	"context"
	"math"
)

// inTurn calls f for each item, one after the other, and sends on what it
// returns: a [Map] whose function remembers what came before, and which must
// therefore never get a second worker. It ends with the stream, or when there is
// nothing left to do: f is then not called any more, and no item is taken.
func inTurn[I, O any](in *Inlet[I], out *Outlet[O], f func(context.Context, I) (O, error), left func() int) {
	w := worker[I, O]{rt: in.rt, node: in.node, f: f}
	send := func(results []Item[O]) {
		if w.spoiled {
			results = compact(results)
		}
		rested(&w, out.sendAll(results) || !pending(in))
	}
	exiting := func(results []Item[O], rest int) {
		giveBack(in, rest)
		send(results)
		rested(&w, true)
	}
	_ = outlive(in.node, func() error {
		for n := left(); n > 0; n = left() {
			group := in.group(min(n, w.pace.group()))
			if group == nil {
				break
			}
			send(w.do(group, exiting))
		}
		return nil
	})
}

// endless is what is left to do for a stage that takes all there is.
func endless() int { return math.MaxInt }

package stages

import "context"

// inTurn calls f for each item, one after the other, and sends on what it
// returns: a [Map] whose function remembers what came before, and which must
// therefore never get a second worker.
func inTurn[I, O any](in *Inlet[I], out *Outlet[O], f func(context.Context, I) (O, error)) {
	w := worker[I, O]{rt: in.rt, node: in.node, f: f}
	send := func(results []Item[O]) {
		if w.spoiled {
			results = compact(results)
		}
		w.rest(out.sendAll(results) || !in.pending())
	}
	for {
		group := in.group(w.pace.group())
		if group == nil {
			return
		}
		send(w.do(group, send))
	}
}

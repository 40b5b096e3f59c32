package stages

import (
	"runtime"
	"slices"
)

// carry takes what has been admitted through the whole section in this goroutine, the
// entrance's: down through the layers, through the calls, up again and out. It does
// so where the calls are light, see [lightness]: then most of what a section costs is
// handing over, and an exchange that moves from one core to another.
//
// It leaves a batch where somebody else is at work who has not got through with it
// in a while: in a layer, among the workers, or at the exit. From there it goes on as
// ever. Where user code ends the goroutine, what is deferred sends on what is at hand.
func (g *gate[I, O, P]) carry() {
	finished := false
	defer func() {
		if !finished {
			g.unload()
		}
		g.down = g.down[:0]
	}()
	if g.carryDown() {
		g.carryThrough()
		g.carryUp()
		g.carryOut()
	}
	finished = true
}

// mayCarry reports whether the entrance may carry what it has.
func (g *gate[I, O, P]) mayCarry() bool {
	return g.carries && g.bottom.light.Load() && !g.calls.Load() && !g.in.rt.aborted.Load()
}

// carryDown takes the batch through the layers, and reports whether it has got there.
func (g *gate[I, O, P]) carryDown() bool {
	to := g.top
	for _, f := range g.floors {
		g.visit(f)
		if !f.catchUp(to) {
			putAll(to, g.down)
			g.leaveFloor()
			return false
		}
		f.requested(g.down)
		f.down, g.down = g.down[:0], f.down
		f.flush()
		to = f.below
	}
	seated := g.bottom.sit()
	if !seated {
		putAll(to, g.down)
	}
	g.leaveFloor()
	return seated
}

// carryThrough makes the calls. It leaves those to the workers that come after a slow one.
func (g *gate[I, O, P]) carryThrough() {
	g.seated, g.called = true, 0
	g.bottom.visit(g.down, &g.called)
	g.seated = false
	stand(g.bottom.deals)
	if g.called < len(g.down) {
		putAll(g.bottom.from, g.down[g.called:])
		g.down = g.down[:g.called]
	}
}

// carryUp takes the batch back up through the layers.
func (g *gate[I, O, P]) carryUp() {
	for _, f := range slices.Backward(g.floors) {
		g.visit(f)
		f.responded(g.down)
		f.up, g.down = g.down[:0], f.up
		f.flush()
	}
	g.leaveFloor()
}

// carryOut does the work of the exit, unless that would have to wait for room.
func (g *gate[I, O, P]) carryOut() {
	if !g.exit.TryLock() {
		putAll(g.back, g.down)
		return
	}
	defer g.exit.Unlock()
	if !clearFor(&g.out.edge.level, len(g.down), belowLimit(len(g.down))) {
		putAll(g.back, g.down)
		return
	}
	g.settle(g.down, true)
}

// belowLimit is what an item may cost in the stage below for the entrance to do that,
// too, when it has n of them. As in [limitOf], one that comes alone is not worth waking
// another goroutine up.
func belowLimit(n int) int64 {
	if n == 1 {
		return 4 * cheap
	}
	return light
}

// visit takes the turn of f, and only then leaves the layer before, so that nobody
// overtakes.
func (g *gate[I, O, P]) visit(f *floor[I]) {
	f.turn.Lock()
	g.leaveFloor()
	g.visited = f
}

func (g *gate[I, O, P]) leaveFloor() {
	if g.visited != nil {
		g.visited.turn.Unlock()
		g.visited = nil
	}
}

// unload sends on what is at hand where user code has ended the goroutine: that of a
// layer, which has dealt with all of its batch by then, or a call.
func (g *gate[I, O, P]) unload() {
	g.unloaded = true
	if f := g.visited; f != nil {
		g.visited = nil
		f.giveTurn()
	}
	if g.seated {
		g.seated = false
		stand(g.bottom.deals)
		g.called += len(g.bottom.guest.group) // of which all have been made
		putAll(g.bottom.to, g.down[:g.called])
		putAll(g.bottom.from, g.down[g.called:])
	}
}

// patience is how often the entrance lets those go first who are at work where it wants
// to. They have a batch, which takes them some microseconds; once it has caught up with
// them nothing is handed over any more.
const patience = 4

// catchUp has the handler deal with the requests that wait, and reports whether that
// was all of them. The turn is held, and let go in between where the layer's own
// goroutine has just received some.
func (f *floor[I]) catchUp(requests *edge[*Exchange[I]]) bool {
	for range patience {
		if f.drainInto(requests) {
			return true
		}
		f.giveTurn()
		runtime.Gosched()
		f.turn.Lock()
	}
	return false
}

// drainInto deals with what waits, and reports whether the layer's own goroutine has none.
func (f *floor[I]) drainInto(requests *edge[*Exchange[I]]) bool {
	for {
		batch, none := steal(requests)
		if batch == nil {
			return none
		}
		func() {
			defer returnStolen(requests, batch)
			f.requested(batch)
		}()
	}
}

// sit has the entrance make calls in place of a worker, where one has nothing to do and
// nothing waits for it.
func (c *callStage[I, O]) sit() bool {
	for range patience {
		if c.from.hungry.Load() && sit(c.deals) {
			return true
		}
		runtime.Gosched()
	}
	return false
}

// visit makes calls in the goroutine of the entrance until all are made, or they turn
// out not to be light; it keeps *done up to date.
func (c *callStage[I, O]) visit(xs []*Exchange[I], done *int) {
	w := &c.guest
	for *done < len(xs) {
		n := min(w.pace.batch(), len(xs)-*done)
		w.group = xs[*done : *done+n]
		w.do()
		*done += n
		if !c.approve(n, w.took, &w.pace) {
			return
		}
	}
}

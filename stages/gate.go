package stages

import "github.com/weir-go/weir/primitives/guard"

// gate is the entrance and the exit of a section: it turns items into exchanges
// and back, limits how many there are, and restores their order.
//
// The limit is the guard: a bounded channel of free exchanges that works as a
// semaphore. The entrance takes one for each item and waits while there is
// none, which is backpressure; the exit puts it back. Where the section has a
// guard as its outermost layer an item also takes a permit of it, and the
// permit is back as soon as the response is: an item that waits at the exit,
// for its turn or for room below, limits nobody's calls.
type gate[I, O, P any] struct {
	in       *Inlet[I]
	out      *Outlet[P]
	join     func(I, O) P // of an item's own request and the answer
	guard    *guard.Guard // nil where the user set none outermost
	shared   bool         // others hold permits of the guard too, or there are fewer than exchanges
	private  bool         // nobody else does, and nobody is shed
	capacity int
	ordered  bool

	free *edge[*Exchange[I]] // exchanges that are not in use
	top  *edge[*Exchange[I]] // to the first layer
	back *edge[*Exchange[I]] // from the first layer, and past it

	// the entrance
	made    int // exchanges so far
	unused  []*Exchange[I]
	taken   int // of unused
	down    []*Exchange[I]
	ticket  uint64
	permits []guard.Permit

	// the exit
	head  uint64
	ring  []*Exchange[I]
	done  []*Exchange[I] // to be put back
	spent []guard.Permit
	items []Item[P]
	sum   tally
}

func (g *gate[I, O, P]) init() {
	g.free = newEdge[*Exchange[I]](2*g.capacity + batchSize)
	g.back = newEdge[*Exchange[I]](2*g.capacity + batchSize)
	g.ring = make([]*Exchange[I], g.capacity)
}

// enter is the goroutine of the entrance.
func (g *gate[I, O, P]) enter() {
	for {
		group := g.in.group(batchSize)
		if group == nil {
			g.back.put(nil) // no more will come
			return
		}
		for i := range group {
			g.admit(&group[i])
		}
		g.flush()
	}
}

// flush sends down what has been admitted.
func (g *gate[I, O, P]) flush() {
	if len(g.down) == 0 {
		return
	}
	if g.private {
		g.permit()
	}
	g.top.putAll(g.down)
	g.down = g.down[:0]
}

// permit gets the exchanges that are about to go down their permits, of a guard
// that has one for each exchange there is.
func (g *gate[I, O, P]) permit() {
	n := len(g.down)
	if cap(g.permits) < n {
		g.permits = make([]guard.Permit, n)
	}
	n = g.guard.TryAcquireAll(g.permits[:n])
	for i, x := range g.down[:n] {
		x.permit = g.permits[i]
	}
	for _, x := range g.down[n:] { // it has been made smaller
		x.permit, _ = g.guard.Acquire(g.in.rt.ctx) // or the flow is aborted, which the call will see
	}
}

// admit makes an exchange of the item. It blocks while the section is full.
func (g *gate[I, O, P]) admit(it *Item[I]) {
	var permit guard.Permit
	if it.fault == nil {
		g.in.node.in.Add(1)
		if g.sheds() {
			var err error
			if permit, err = g.guard.TryAcquire(); err != nil {
				g.shed(it, err)
				return
			}
		}
	}
	x := g.take()
	x.Value, x.trail, x.fault, x.permit = it.Value, it.trail, it.fault, permit
	x.err, x.attempts, x.work, x.longest, x.limit = nil, 0, 0, 0, it.trail.bounds()
	x.ticket = g.ticket
	g.ticket++
	if it.fault == nil {
		x.err = g.wait(x)
	}
	if it.fault != nil || x.err != nil { // passes the section, in its place
		g.back.put(x)
		return
	}
	g.down = append(g.down, x)
}

func (g *gate[I, O, P]) sheds() bool { return g.guard != nil && g.guard.Sheds() }

// wait gets the exchange a permit. A guard of the section's own has one for
// each exchange there is, unless it is adaptive; at that one, or at a shared one,
// it may take long, and what has been admitted must not wait, since it may hold
// the very permits.
func (g *gate[I, O, P]) wait(x *Exchange[I]) (err error) {
	if x.bounded() {
		if err := x.over(g.in.rt); err != nil {
			return err
		}
	}
	if g.shared && !g.guard.Sheds() {
		g.flush()
		x.permit, err = g.guard.Acquire(g.in.rt.ctx)
	}
	// The flag follows the end of the context by a moment: Acquire may see the
	// end first.
	if g.in.rt.ctx.Err() != nil {
		return g.in.rt.abortError()
	}
	return err
}

// shed lets an item go that the guard refused: at once, ahead of those inside.
func (g *gate[I, O, P]) shed(it *Item[I], err error) {
	g.in.node.shed.Add(1)
	g.out.pass(g.in.rt.newItemError(g.in.node, err, 0, it.Value, it.trail), it.trail)
}

// take returns a free exchange, and blocks while there is none.
func (g *gate[I, O, P]) take() *Exchange[I] {
	for g.taken == len(g.unused) {
		used := g.unused
		var state state
		g.unused, state = g.free.poll(used)
		g.taken = 0
		if state == ready {
			break
		}
		if g.made < g.capacity {
			c := &call[I, O]{}
			c.self, c.slot = c, int32(g.made)
			g.made++
			return &c.Exchange
		}
		g.flush()
		g.unused = <-g.free.ch
	}
	g.taken++
	return g.unused[g.taken-1]
}

// leave is the loop of the exit. It returns when all items have left.
func (g *gate[I, O, P]) leave() {
	var batch []*Exchange[I]
	last := ^uint64(0) // the number of tickets, once it is known
	for g.head != last {
		batch, _ = g.back.next(batch)
		now := g.in.rt.stamp()
		for _, x := range batch {
			if x == nil {
				last = g.ticket
				continue
			}
			if g.private {
				g.spent = append(g.spent, x.permit)
			} else {
				x.permit.Done(g.in.rt.ctx, x.err) // an adaptive guard learns from it
			}
			g.time(x, now)
			if g.ordered {
				g.ring[x.ticket%uint64(len(g.ring))] = x
				continue
			}
			g.head++
			g.pass(x)
		}
		if g.private {
			g.guard.ReleaseAll(g.spent)
			g.spent = g.spent[:0]
		}
		g.emit()
	}
}

// emit sends on what is ready, in order, and puts the exchanges back.
func (g *gate[I, O, P]) emit() {
	for g.ordered {
		x := g.ring[g.head%uint64(len(g.ring))]
		if x == nil {
			break
		}
		g.ring[g.head%uint64(len(g.ring))] = nil
		g.head++
		g.pass(x)
	}
	g.sum.publish(g.in.node)
	g.out.sendAll(g.items)
	clear(g.items)
	g.items = g.items[:0]
	if len(g.done) > 0 {
		g.free.putAll(g.done)
		g.done = g.done[:0]
	}
}

// time books what the section cost the item.
func (g *gate[I, O, P]) time(x *Exchange[I], now int64) {
	if x.fault != nil {
		return
	}
	g.sum.attempts += int64(x.attempts)
	t := x.trail
	if t == nil {
		return
	}
	wait := max(now-t.left-x.work, 0)
	g.sum.wait += wait
	g.sum.work += x.work
	g.sum.longest = max(g.sum.longest, x.longest)
	t.note(span{wait: wait, work: x.work, node: g.in.node.index, attempts: x.attempts})
	t.left = now
}

// pass turns an exchange that leaves into an item, and frees it.
func (g *gate[I, O, P]) pass(x *Exchange[I]) {
	c := x.self.(*call[I, O])
	var joined P
	if x.fault == nil && x.err == nil {
		joined, x.err = g.joined(c)
	}
	switch {
	case x.fault != nil:
		g.items = append(g.items, Item[P]{fault: x.fault, trail: x.trail})
	case x.err == nil:
		g.sum.out++
		g.items = append(g.items, Item[P]{Value: joined, trail: x.trail})
	case isDrop(x.err):
		g.sum.filtered++
		x.trail.release()
	default:
		if isExpired(x.err) {
			g.sum.expired++
		} else {
			g.sum.failed++
		}
		fault := g.in.rt.newItemError(g.in.node, x.err, int(x.attempts), x.Value, x.trail)
		g.items = append(g.items, Item[P]{fault: fault, trail: x.trail})
	}
	var none I
	var nothing O
	x.Value, x.trail, x.fault, x.err, c.out = none, nil, nil, nil, nothing
	g.done = append(g.done, x)
}

// joined calls join, whose panic is a failure of the item.
func (g *gate[I, O, P]) joined(c *call[I, O]) (P, error) {
	if g.join == nil {
		p, _ := any(&c.out).(*P) // where nothing is joined, P is O
		return *p, nil
	}
	return protect(g.in.node, func() (P, error) { return g.join(c.Value, c.out), nil })
}

package stages

// The exit of a section; see gate.

// leave is the loop of the exit. It returns when all items have left. Where user code
// ends the goroutine, what is deferred goes on.
func (g *gate[I, O, P]) leave() {
	returned := false
	defer func() {
		if !returned { // it was the exit's turn
			g.exit.Unlock()
			g.leave()
		}
	}()
	for !g.over() {
		g.returned, _ = nextBatch(g.back, g.returned)
		g.exit.Lock()
		g.settle(g.returned, false)
		g.exit.Unlock()
	}
	returned = true
}

// over reports whether all items have left.
func (g *gate[I, O, P]) over() bool {
	g.exit.Lock()
	defer g.exit.Unlock()
	return g.head == g.last
}

// settle deals with a batch that has come back. Whoever calls it has the exit's turn.
// guest says that it is the goroutine of the entrance, which may work for the stage
// below, too.
func (g *gate[I, O, P]) settle(batch []*Exchange[I], guest bool) {
	g.batch, g.at, g.guest, g.now = batch, 0, guest, g.in.rt.stamp()
	g.resettle()
}

// resettle is settle from where it is. Where join, or a hook of the guard, ends the
// goroutine, what is deferred goes on.
func (g *gate[I, O, P]) resettle() {
	settled := false
	defer func() {
		if !settled {
			g.rescue()
			g.resettle()
		}
	}()
	for g.at < len(g.batch) {
		g.at++
		g.receive(g.batch[g.at-1])
	}
	if g.private {
		g.releaseAll()
	}
	g.emit()
	settled = true
}

// rescue goes on with the exchange at hand. Only join fails its item. What the stage
// below does is its own affair.
func (g *gate[I, O, P]) rescue() {
	if g.sending {
		g.sending = false
		return
	}
	if x := g.going; x != nil {
		var nothing P
		x.err, g.going = ErrGoexit, nil
		g.gone(x, nothing)
		return
	}
	g.hookFailed(ErrGoexit)
	if x := g.freed; x != nil {
		g.freed = nil
		g.received(x)
	}
}

// receive takes an exchange that comes back; nil says that no more will be made.
func (g *gate[I, O, P]) receive(x *Exchange[I]) {
	if x == nil {
		g.last = g.ticket
		return
	}
	if g.private {
		g.spent = append(g.spent, x.permit)
	} else {
		g.freed = x
		g.release(x)
		g.freed = nil
	}
	g.received(x)
}

// received goes on with an exchange that holds no permit any more.
func (g *gate[I, O, P]) received(x *Exchange[I]) {
	g.time(x, g.now)
	if g.ordered {
		g.ring[x.ticket%uint64(len(g.ring))] = x
		return
	}
	g.head++
	g.pass(x)
}

// release gives the permit back. An adaptive guard learns from it.
func (g *gate[I, O, P]) release(x *Exchange[I]) {
	defer g.contain()
	x.permit.Done(g.in.rt.ctx, x.err)
}

func (g *gate[I, O, P]) releaseAll() {
	defer g.contain()
	spent := g.spent
	g.spent = g.spent[:0]
	g.guard.ReleaseAll(spent)
}

// contain is deferred around calls of the guard that return nothing.
func (g *gate[I, O, P]) contain() {
	if p := recover(); p != nil {
		g.hookFailed(caught(g.in.node.name, p))
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
	items := g.items
	g.items = g.items[:0]
	g.send(items)
	clear(items)
	switch {
	case len(g.done) == 0:
	case g.guest:
		g.stash = append(g.stash, g.done...)
	default:
		putAll(g.free, g.done)
	}
	g.done = g.done[:0]
}

// send hands the items on. The entrance does the work of the stage below, too, where
// that is light.
func (g *gate[I, O, P]) send(items []Item[P]) {
	if !g.guest {
		g.out.sendAll(items)
		return
	}
	g.sending = true
	g.out.offer(items, belowLimit(len(items)), 0)
	g.sending = false
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
	g.sum.longest = max(g.sum.longest, x.work)
	t.note(span{wait: wait, work: x.work, node: g.in.node.index, attempts: x.attempts})
	t.left = now
}

// pass turns an exchange that leaves into an item, and frees it.
func (g *gate[I, O, P]) pass(x *Exchange[I]) {
	var joined P
	if x.fault == nil && x.err == nil {
		g.going = x
		joined, x.err = g.joined(x.self.(*call[I, O]))
		g.going = nil
	}
	g.gone(x, joined)
}

// gone is pass for an exchange that has been joined with its item.
func (g *gate[I, O, P]) gone(x *Exchange[I], joined P) {
	c := x.self.(*call[I, O])
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
		fault := g.in.rt.newItemError(g.in.node, x.err, int(x.attempts), x.item, x.trail)
		g.items = append(g.items, Item[P]{fault: fault, trail: x.trail})
	}
	var none I
	var nothing O
	x.Value, x.item, x.trail, x.fault, x.err, c.out = none, none, nil, nil, nil, nothing
	g.done = append(g.done, x)
}

// joined calls join, whose panic is a failure of the item.
func (g *gate[I, O, P]) joined(c *call[I, O]) (P, error) {
	if g.join == nil {
		p, _ := any(&c.out).(*P) // where nothing is joined, P is O
		return *p, nil
	}
	return protect(g.in.node, func() (P, error) { return g.join(c.item, c.out), nil })
}

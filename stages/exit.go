package stages

// The exit of a section; see gate.

// leave is the loop of the exit. It returns when all items have left. Where join, or a
// hook of the guard, ends the goroutine, what is deferred lets the others leave.
func (g *gate[I, O, P]) leave() {
	returned := false
	defer func() {
		if !returned {
			g.rescue()
			g.leave()
		}
	}()
	for {
		for g.at < len(g.batch) {
			g.at++
			g.receive(g.batch[g.at-1])
		}
		if g.private {
			g.releaseAll()
		}
		g.emit()
		if g.head == g.last {
			break
		}
		g.batch, _ = g.back.next(g.batch)
		g.at, g.now = 0, g.in.rt.stamp()
	}
	returned = true
}

// rescue goes on with the exchange at hand. Only join fails its item.
func (g *gate[I, O, P]) rescue() {
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

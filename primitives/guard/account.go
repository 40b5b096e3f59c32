package guard

import (
	"context"
	"time"
)

// The account behind the lock. Every piece of work on it begins with the lock and
// ends with finish, which hands out what has become free.

// seat gives units to a call that fits. The caller holds the lock.
func (g *Guard) seat(c call, now time.Duration) Permit {
	g.spare -= c.weight
	if c.weight == 1 && g.away != 0 {
		return g.seatCell()
	}
	g.tickets++
	i := g.slots.take(slot{ticket: g.tickets, weight: c.weight, since: now})
	if g.adapt != nil {
		g.adapt.seen(g.depth(), now)
	}
	return Permit{guard: g, ticket: g.tickets, slot: cells + i}
}

// fits reports whether a call can be seated. The limit of an adaptive guard may be
// below the weight of a call that its policy allows; such a call goes in alone.
func (g *Guard) fits(weight int) bool {
	if g.adapt != nil {
		weight = min(weight, g.capacity())
	}
	return g.spare >= weight
}

// depth is the number of units in use while the guard is closed.
func (g *Guard) depth() int { return g.capacity() - g.spare }

// acquire is the long way of Acquire: it may wait, and it knows weights.
func (g *Guard) acquire(ctx context.Context, opts []CallOption) (Permit, error) {
	c := call{weight: 1}
	if len(opts) > 0 {
		var err error
		if c, err = g.read(opts); err != nil {
			return Permit{}, err
		}
	}
	if len(opts) == 0 {
		if p, ok := g.spin(); ok {
			return p, nil
		}
	}
	if g.deadlines {
		c.until(ctx)
	}
	p, w, err := g.admitOrJoin(c)
	if w == nil {
		return p, err
	}
	select {
	case <-w.told:
		if w.err != nil {
			return Permit{}, g.sentOff(w)
		}
		// Both may be ready, and select throws dice.
		if err := ctx.Err(); err != nil {
			return Permit{}, g.handBack(w, err)
		}
		return g.accept(w), nil
	case <-ctx.Done():
		return Permit{}, g.leave(w, ctx.Err())
	}
}

// admitOrJoin returns a permit, or a place in the queue, or why there is neither.
func (g *Guard) admitOrJoin(c call) (Permit, *waiter, error) {
	now := g.clock()
	g.mu.Lock()
	if p, ok := g.admit(c, now); ok {
		return g.seated(p), nil, nil
	}
	if err := g.unfit(c); err != nil {
		g.finish(now)
		return Permit{}, nil, err
	}
	if err := g.crowded(c, now); err != nil {
		g.shed++
		g.finish(now)
		return Permit{}, nil, err
	}
	w := g.queue.join(c, now)
	if g.stale.interval == 0 && (g.queue.len == 1 || g.queue.next(now) != w) {
		g.mu.Unlock()
	} else {
		g.finish(now) // it is the next in line, and lighter than who was before
	}
	return Permit{}, w, nil
}

// try is the long way of TryAcquire.
func (g *Guard) try(opts []CallOption) (Permit, error) {
	c, err := g.read(opts)
	if err != nil {
		return Permit{}, err
	}
	now := g.clock()
	g.mu.Lock()
	if p, ok := g.admit(c, now); ok {
		return g.seated(p), nil
	}
	if err := g.unfit(c); err != nil {
		g.finish(now)
		return Permit{}, err
	}
	g.shed++
	err = g.shedError(Full, c, now)
	g.finish(now)
	return Permit{}, err
}

// admit seats a call that comes when nobody waits, if it fits.
func (g *Guard) admit(c call, now time.Duration) (Permit, bool) {
	if g.queue.len > 0 {
		return Permit{}, false
	}
	if c.weight == 1 {
		if p, ok := g.takeFast(); ok {
			return p, true // one has come back in the meantime
		}
	}
	if g.spare < c.weight {
		g.close()
	}
	if !g.fits(c.weight) {
		return Permit{}, false
	}
	g.admitted++
	return g.seat(c, now), true
}

// seated ends the work of admitting p. If the hook of a soft limit panics or ends
// the goroutine the caller never sees the permit, so it is released here.
func (g *Guard) seated(p Permit) Permit {
	if g.soft.at == 0 {
		g.reopen()
		g.mu.Unlock()
		return p
	}
	told := false
	defer func() {
		if !told {
			p.Release()
		}
	}()
	g.finish(0)
	told = true
	return p
}

// finish ends a piece of work under the lock: it seats the waiters that fit,
// unlocks, and only then wakes them and calls the hook.
func (g *Guard) finish(now time.Duration) { g.finishWith(g.settle(now)) }

// finishWith is finish after the queue has been settled.
func (g *Guard) finishWith(called callees) {
	crossed := g.soft.at != 0 && g.soft.look(g.depth())
	g.mu.Unlock()
	called.tell()
	if crossed {
		g.tell()
	}
}

// settle serves the queue as far as there are units, and opens the guard if nobody
// is left in it. It returns those whose wait is over.
//
// Invariant: while somebody waits the guard is closed, and after settle the next
// in line does not fit. So who is admitted past the queue finds it empty.
func (g *Guard) settle(now time.Duration) (called callees) {
	if g.queue.len > 0 {
		g.dropStale(now, &called)
		for g.queue.len > 0 {
			w := g.queue.next(now)
			if !g.fits(w.weight) {
				return called
			}
			g.queue.remove(w)
			w.permit = g.seat(w.call, now)
			g.queue.exits.depart(w)
			called.add(w)
		}
	}
	g.stale.calm()
	g.reopen()
	return called
}

package guard

import (
	"context"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// This file is the account behind the lock. Each operation on it takes the lock, and
// ends with finish, which gives freed units to waiters and unlocks.

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

// fits reports whether there are units for a call. The limit of an adaptive guard may
// be below the weight of a call that its policy allows. Such a call gets in when the
// guard is empty.
func (g *Guard) fits(weight int) bool {
	if g.adapt != nil {
		weight = min(weight, g.capacity())
	}
	return g.spare >= weight
}

// depth is the number of units in use while the guard is closed.
func (g *Guard) depth() int { return g.capacity() - g.spare }

// acquire is the slow path of Acquire: it can wait, and it knows weights.
func (g *Guard) acquire(ctx context.Context, opts []CallOption) (Permit, error) {
	c, err := g.request(ctx, opts)
	if err != nil {
		return Permit{}, err
	}
	if len(opts) == 0 {
		if p, ok := g.spin(); ok {
			return p, nil
		}
	}
	p, place, err := g.admitOrJoin(c)
	if !place.Waits() {
		return p, err
	}
	w := place.waiter
	select {
	case <-w.told:
		if w.err != nil {
			return Permit{}, g.sentOff(w)
		}
		// If both are ready, select takes either.
		if err := ctx.Err(); err != nil {
			return Permit{}, g.handBack(w, err)
		}
		return g.accept(w), nil
	case <-ctx.Done():
		return Permit{}, g.leave(w, ctx.Err())
	}
}

// admitOrJoin returns a permit, a place in the queue, or the reason for neither.
func (g *Guard) admitOrJoin(c call) (Permit, Place, error) {
	now := g.clock()
	g.mu.Lock()
	if p, ok := g.admit(c, now); ok {
		return g.seated(p), Place{}, nil
	}
	if err := g.unfit(c); err != nil {
		g.finish(now)
		return Permit{}, Place{}, err
	}
	if err := g.crowded(c, now); err != nil {
		g.shed++
		g.finish(now)
		return Permit{}, Place{}, err
	}
	p, place := g.join(c, now)
	return p, place, nil
}

// join puts a call into the queue. If the call is the next in line, join serves the queue: the call
// is lighter than the former next one, and may get its permit at once.
func (g *Guard) join(c call, now time.Duration) (Permit, Place) {
	w := g.queue.join(c, now)
	place := Place{g, w, w.use}
	if g.stale.interval == 0 && (g.queue.len == 1 || g.queue.next(now) != w) {
		g.mu.Unlock()
		return Permit{}, place
	}
	var p Permit
	called := g.settle(now)
	if !w.queued {
		called.remove(w)
		p, place = g.accept(w), Place{}
	}
	g.finishOr(called, func() { g.undo(c, p, place) })
	return p, place
}

// undo gives back a permit or a place that the caller will never see.
func (g *Guard) undo(c call, p Permit, place Place) {
	switch {
	case !place.Waits():
		g.release(p, outcome.Ignored)
	case c.then != nil:
		place.Leave()
	default:
		_ = g.leave(place.waiter, context.Canceled)
	}
}

// try is the slow path of TryAcquire.
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

// admit seats a call if no call waits and the call fits.
func (g *Guard) admit(c call, now time.Duration) (Permit, bool) {
	if g.queue.len > 0 {
		return Permit{}, false
	}
	if c.weight == 1 {
		if p, ok := g.takeFast(); ok {
			return p, true // a permit has come back in the meantime
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

// seated ends the admission of p, which found the queue empty.
func (g *Guard) seated(p Permit) Permit {
	if g.soft.at == 0 {
		g.reopen()
		g.mu.Unlock()
		return p
	}
	g.finishOr(g.settle(0), func() { g.release(p, outcome.Ignored) })
	return p
}

// finish ends an operation under the lock: it seats the waiters that fit, unlocks, and
// only then wakes them and calls the hook.
func (g *Guard) finish(now time.Duration) { g.finishWith(g.settle(now)) }

// finishWith is finish after settle.
func (g *Guard) finishWith(called callees) {
	crossed := g.soft.at != 0 && g.soft.look(g.depth())
	g.mu.Unlock()
	if crossed {
		defer g.tell() // even if a function given to Enlist panics
	}
	called.tell()
}

// finishOr is finishWith for an operation whose result the caller must see. If a hook
// or a function given to Enlist panics or ends the goroutine, finishOr calls undo.
func (g *Guard) finishOr(called callees, undo func()) {
	finished := false
	defer func() {
		if !finished {
			undo()
		}
	}()
	g.finishWith(called)
	finished = true
}

// settle serves the queue while there are units, and opens the guard if the queue is
// empty. It returns the waiters whose wait is over.
//
// Invariant: while a call waits, the guard is closed; and after settle the next in line
// does not fit. So a call that is admitted past the queue finds it empty.
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

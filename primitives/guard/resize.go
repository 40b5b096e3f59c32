package guard

import "fmt"

// Resize changes the capacity to n and returns at once. If n is greater, exactly the
// waiters that fit get permits. If n is smaller, calls in flight finish, and no call is
// admitted until the depth is below n; waiters heavier than n end with a [*CallError].
//
// An [Adaptive] guard goes on from n. A [SoftLimit] stays the same. Resize returns a
// [*PolicyError] and changes nothing if n is below 1, or outside the bounds of an
// adaptive guard.
func (g *Guard) Resize(n int) error {
	if err := g.refuseSize(n); err != nil {
		return err
	}
	now := g.clock()
	g.mu.Lock()
	g.close()
	g.setCapacity(n)
	if g.resized = g.adapt == nil; !g.resized {
		g.adapt.law.interrupt()
		g.adapt.restart(float64(n), g.depth(), now)
	}
	called := g.dropUnfit()
	called.join(g.settle(now))
	g.finishWith(called)
	return nil
}

func (g *Guard) refuseSize(n int) error {
	if err := g.Err(); err != nil {
		return err
	}
	if n < 1 {
		return &PolicyError{Name: g.name, Err: fmt.Errorf("capacity %d is below 1", n)}
	}
	if a := g.adapt; a != nil && (n < a.min || n > a.max) {
		return &PolicyError{Name: g.name, Err: fmt.Errorf("capacity %d is outside the bounds %d to %d", n, a.min, a.max)}
	}
	return nil
}

// setCapacity adds the difference to the spare units. They may go below 0; the next
// releases then pay that back. The guard must be closed, because a permit of a cell
// would come back to the cell and pay nothing.
func (g *Guard) setCapacity(n int) {
	g.spare += n - g.capacity()
	g.limit.Store(int64(n))
	g.spread()
	if g.measures {
		return // its errors tell After, which cannot be prepared
	}
	for r := range g.shared {
		g.shared[r] = &ShedError{Name: g.name, Reason: Reason(r), Depth: n, Capacity: n}
	}
}

// dropUnfit ends the waits of calls that do not fit into the guard any more.
func (g *Guard) dropUnfit() (called callees) {
	g.queue.each(func(w *waiter) {
		if err := g.unfit(w.call); err != nil {
			g.drop(w, err, &called)
		}
	})
	return called
}

// drop ends a wait with an error.
func (g *Guard) drop(w *waiter, err error, called *callees) {
	g.queue.remove(w)
	w.err = err
	g.queue.exits.depart(w)
	called.add(w)
}

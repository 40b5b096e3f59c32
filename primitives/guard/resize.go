package guard

import "fmt"

// Resize changes the capacity to n and returns at once. Up, it seats exactly the
// waiters that fit into what is added. Down, those who hold permits finish, and
// nobody is admitted until the depth is below n; waiters heavier than n end with a
// [*CallError].
//
// An [Adaptive] guard goes on from n, and a [SoftLimit] stays where it is. A capacity below 1, or outside the bounds of
// an adaptive guard, changes nothing and is returned as a [*PolicyError].
func (g *Guard) Resize(n int) error {
	if err := g.refuseSize(n); err != nil {
		return err
	}
	now := g.clock()
	g.mu.Lock()
	g.close()
	g.setCapacity(n)
	if g.adapt != nil {
		g.adapt.law.interrupt()
		g.adapt.restart(float64(n), g.depth(), now)
	}
	called := g.dropUnfit()
	called.join(g.settle(now))
	g.finishWith(called)
	return nil
}

func (g *Guard) refuseSize(n int) error {
	if n < 1 {
		return &PolicyError{Name: g.name, Err: fmt.Errorf("capacity %d is below 1", n)}
	}
	if a := g.adapt; a != nil && (n < a.min || n > a.max) {
		return &PolicyError{Name: g.name, Err: fmt.Errorf("capacity %d is outside the bounds %d to %d", n, a.min, a.max)}
	}
	return nil
}

// setCapacity moves the difference to the spare units, where it may become a debt
// that the next releases pay. The guard must be closed, so that the debt cannot be
// dodged through a cell.
func (g *Guard) setCapacity(n int) {
	g.spare += n - g.capacity()
	g.limit.Store(int64(n))
	g.spread()
	if g.measures {
		return // their errors tell more than can be prepared
	}
	for r := range g.shared {
		g.shared[r] = &ShedError{Name: g.name, Reason: Reason(r), Depth: n, Capacity: n}
	}
}

// dropUnfit sends off the waiters that no longer fit into the guard at all.
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

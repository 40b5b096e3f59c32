package guard

import "github.com/weir-go/weir/primitives/outcome"

// TryAcquireAll fills permits from the front with as many as are left, and returns
// how many that is. It never waits, never overtakes a waiter, and sheds nobody: who
// wants more has to come again. It takes the lock once, where [Guard.TryAcquire]
// may take it for each permit, and allocates nothing.
func (g *Guard) TryAcquireAll(permits []Permit) int {
	now := g.clock()
	g.mu.Lock()
	n := 0
	for ; n < len(permits) && g.queue.len == 0 && g.fits(1); n++ { // cheaper than a cell, as the lock is held
		g.admitted++
		permits[n] = g.seat(call{weight: 1}, now)
	}
	for ok := true; ok && n < len(permits); {
		if permits[n], ok = g.takeFast(); ok {
			n++
		}
	}
	for ; n < len(permits) && g.seatable(); n++ {
		g.admitted++
		permits[n] = g.seat(call{weight: 1}, now)
	}
	told := false
	defer func() {
		if !told { // the hook of a soft limit has panicked: nobody sees the permits
			g.ReleaseAll(permits[:n])
		}
	}()
	g.finish(now)
	told = true
	return n
}

// seatable reports whether one more unit can be given behind the lock.
func (g *Guard) seatable() bool {
	if g.queue.len == 0 && g.spare < 1 {
		g.close()
	}
	return g.queue.len == 0 && g.fits(1)
}

// ReleaseAll is [Permit.Release] for each of the permits, with the lock taken once.
// It returns how many of them it released: those of other guards are left alone.
func (g *Guard) ReleaseAll(permits []Permit) int {
	now := g.clock()
	n := 0
	g.mu.Lock()
	for _, p := range permits {
		if p.guard != g {
			continue
		}
		s, ok := g.takeBack(p)
		if !ok {
			continue
		}
		if g.measures {
			g.learn(s.since, now, outcome.Success)
		}
		n++
	}
	g.finish(now)
	return n
}

package guard

import (
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// TryAcquireAll fills permits from the front with as many as are left, and returns
// how many that is. It never waits, never overtakes a waiter, and sheds nobody: who
// wants more has to come again. It takes the lock once, where [Guard.TryAcquire]
// may take it for each permit, and allocates nothing.
func (g *Guard) TryAcquireAll(permits []Permit) int {
	now := g.clock()
	g.mu.Lock()
	n := g.seatAll(permits, now) // cheaper than cells, as the lock is held
	for ok := true; ok && n < len(permits); {
		if permits[n], ok = g.takeFast(); ok {
			n++
		}
	}
	if n < len(permits) && g.queue.len == 0 {
		g.close()
		n += g.seatAll(permits[n:], now)
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

// seatAll gives permits to as many as there are units behind the lock, and returns how
// many that is: none where somebody waits.
func (g *Guard) seatAll(permits []Permit, now time.Duration) (n int) {
	for ; n < len(permits) && g.queue.len == 0 && g.fits(1); n++ {
		g.admitted++
		permits[n] = g.seat(call{weight: 1}, now)
	}
	return n
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

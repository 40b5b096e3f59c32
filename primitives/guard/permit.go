package guard

import (
	"context"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Permit is the right to be in flight, given by [Guard.Acquire] and its siblings. It is
// a small value. It may be copied, and handed to another goroutine. The zero Permit is
// valid and holds nothing.
//
// A permit that is never released keeps its units forever: defer the release, or use
// [Guard.Do].
type Permit struct {
	guard  *Guard
	ticket uint64 // what the slot holds until the permit is released
	slot   int    // below cells: a cell; else cells + the place in the table
}

// Release gives the units back, to the next waiters if there are any. It reports
// whether it did: only the first Release of a permit does. Every later one changes
// nothing and returns false, and so does that of a copy, at any time, in any goroutine,
// and that of the zero Permit. Release does not wait and allocates nothing.
//
// To an [Adaptive] guard, Release says that the call succeeded. [Permit.Done] tells how
// it ended.
func (p Permit) Release() bool {
	if p.guard != nil && p.slot < cells && p.guard.cells[p.slot].CompareAndSwap(p.ticket, p.ticket+freed) {
		return true
	}
	return p.release()
}

// release is the slow path of Release.
func (p Permit) release() bool {
	if p.guard == nil {
		return false
	}
	return p.guard.release(p, outcome.Success)
}

// Done is Release, and tells an [Adaptive] guard how the call ended. err is what the
// call returned. The policy's classifier reads it, see [Classify], with the context
// that the caller brought. Other guards ignore err. Of all calls of Done and Release on
// a permit and its copies, the first counts.
func (p Permit) Done(ctx context.Context, err error) (released bool) {
	g := p.guard
	if g == nil || g.adapt == nil {
		return p.Release()
	}
	if err == nil {
		return g.release(p, outcome.Success)
	}
	kind := outcome.Ignored // it stays so if the classifier panics
	defer func() { released = g.release(p, kind) }()
	kind = g.classify(ctx, err).Kind
	return
}

// release gives p back behind the lock.
func (g *Guard) release(p Permit, kind outcome.Kind) bool {
	now := g.clock()
	g.mu.Lock()
	s, ok := g.takeBack(p)
	if !ok {
		g.mu.Unlock()
		return false
	}
	if g.measures {
		g.learn(s.since, now, kind)
	}
	g.finish(now)
	return true
}

// takeBack takes the units of a permit that has not been released before.
func (g *Guard) takeBack(p Permit) (s slot, ok bool) {
	if p.slot < cells {
		return slot{}, g.putBack(p.slot, p.ticket)
	}
	if s, ok = g.slots.put(p.slot-cells, p.ticket); ok {
		g.spare += s.weight
	}
	return s, ok
}

// learn notes how long a permit was held, and how the call ended.
func (g *Guard) learn(since, now time.Duration, kind outcome.Kind) {
	held := max(now-since, 0)
	g.holds.add(held)
	if g.adapt == nil || kind == outcome.Ignored {
		return
	}
	if next, ok := g.adapt.sample(since, now, kind, g.holds.mean, g.depth()); ok {
		g.setCapacity(next)
	}
}

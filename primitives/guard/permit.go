package guard

import (
	"context"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Permit is the right to be in flight, given by [Guard.Acquire] and
// [Guard.TryAcquire]. It is a small value that may be copied and handed to
// another goroutine. The zero Permit is valid and holds nothing.
//
// A permit that is never released keeps its units for good: defer the release,
// or use [Guard.Do].
type Permit struct {
	guard *Guard
	// ticket says which use of the slot this is. In a slot of the word it is the
	// number of times that the slot had been released before.
	ticket uint64
	slot   int // below fastSlots: in the word; else fastSlots + its place in the table
}

// Release gives the units back, to the waiters that are next if there are any. It
// reports whether it did: only the first Release of a permit does, and every later
// one, also of a copy, also at the same moment in another goroutine, changes
// nothing and returns false. So does that of the zero Permit. It does not wait and
// allocates nothing.
//
// To an [Adaptive] guard Release says that the call succeeded; [Permit.Done]
// tells how it ended.
func (p Permit) Release() bool {
	g := p.guard
	if g == nil {
		return false
	}
	if i := p.slot; i < fastSlots {
		if g.word.Load()&closedBit != 0 {
			return g.releaseBehind(p)
		}
		// A slot counts its releases, so nothing but the permit that was given
		// last, and not yet released, fits.
		if !g.returns[i].CompareAndSwap(p.ticket, p.ticket+1) {
			return false
		}
		if g.word.Add(1<<i)&closedBit != 0 {
			g.returned() // closed in between
		}
		return true
	}
	return g.release(p, outcome.Success)
}

// Done is Release and tells an [Adaptive] guard how the call ended: err is what it
// returned, read by the policy's classifier (see [Classify]) with the context that
// the caller brought. Other guards take no notice of err. Of all calls of Done and
// Release on a permit and its copies the first counts.
func (p Permit) Done(ctx context.Context, err error) bool {
	g := p.guard
	if g == nil || g.adapt == nil {
		return p.Release()
	}
	kind := outcome.Success
	if err != nil {
		kind = g.classify(ctx, err).Kind
	}
	return g.release(p, kind)
}

// returned settles after a slot came back into a closed word.
func (g *Guard) returned() {
	now := g.clock()
	g.mu.Lock()
	g.close()
	g.finish(now)
}

// releaseBehind gives a slot of the word back behind the lock, which spares a
// closed word two changes.
func (g *Guard) releaseBehind(p Permit) bool {
	now := g.clock()
	g.mu.Lock()
	// Releases in front of the lock may still be on their way.
	if !g.returns[p.slot].CompareAndSwap(p.ticket, p.ticket+1) {
		g.mu.Unlock()
		return false
	}
	g.away |= 1 << p.slot
	g.spare++
	g.finish(now)
	return true
}

// release gives back a slot of the table.
func (g *Guard) release(p Permit, kind outcome.Kind) bool {
	now := g.clock()
	g.mu.Lock()
	s, ok := g.slots.put(p.slot-fastSlots, p.ticket)
	if !ok {
		g.mu.Unlock()
		return false
	}
	g.spare += s.weight
	if g.measures {
		g.learn(s.since, now, kind)
	}
	g.finish(now)
	return true
}

// takeBack gives back a permit that its caller never saw, under the lock.
func (g *Guard) takeBack(p Permit) {
	if i := p.slot; i < fastSlots {
		g.returns[i].Add(1)
		g.away |= 1 << i
		g.spare++
		return
	}
	s, _ := g.slots.put(p.slot-fastSlots, p.ticket)
	g.spare += s.weight
}

// learn takes note of how long a permit was held, and how the call ended.
func (g *Guard) learn(since, now time.Duration, kind outcome.Kind) {
	held := max(now-since, 0)
	g.holds.add(held)
	if g.adapt == nil || kind == outcome.Ignored {
		return
	}
	if next, ok := g.adapt.sample(since, now, kind, g.holds.mean); ok {
		g.setCapacity(next)
	}
}

package kernel

import (
	"time"

	"github.com/weir-go/weir/internal/handoff"
)

// Either returns the inlet of two that has items at hand, or the one with more if both have. It
// blocks until one has, until late delivers (woken), or until both streams have ended (nil).
func Either(a, b *Inlet, late <-chan time.Time) (first *Inlet, woken bool) {
	for {
		select {
		case <-late:
			return nil, true
		default:
		}
		atA, atB := a.Poll(), b.Poll()
		switch {
		case atA && (!atB || a.end-a.Pos >= b.end-b.Pos):
			return a, false
		case atB:
			return b, false
		case a.over && b.over:
			return nil, false
		}
		if parkEither(a, b, late) {
			return nil, true
		}
	}
}

// parkEither blocks until there may be items, as [Inlet.park] does.
func parkEither(a, b *Inlet, late <-chan time.Time) (woken bool) {
	switch {
	case a.over:
		return parkAlone(b, late)
	case b.over:
		return parkAlone(a, late)
	}
	if !a.node.run.detached {
		return handoff.ParkEither(&a.edge.Edge, &b.edge.Edge, late)
	}
	a.mu.Lock()
	b.mu.Lock()
	defer a.mu.Unlock()
	defer b.mu.Unlock()
	if a.dead || b.dead {
		return false
	}
	a.parked, b.parked = make(chan struct{}), make(chan struct{})
	a.mu.Unlock()
	b.mu.Unlock()
	defer func() {
		a.mu.Lock()
		b.mu.Lock()
		a.wakes()
		b.wakes()
	}()
	return handoff.ParkEither(&a.edge.Edge, &b.edge.Edge, late)
}

// parkAlone is parkEither if the other stream has ended.
func parkAlone(in *Inlet, late <-chan time.Time) (woken bool) {
	defer in.hold()()
	return !in.dead && in.park(late)
}

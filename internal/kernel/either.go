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
		if WaitEither(a, b, late) {
			return nil, true
		}
	}
}

// WaitEither blocks until one of two inlets may have an item, or until late delivers, which it
// reports. No item must be at hand.
func WaitEither(a, b *Inlet, late <-chan time.Time) (woken bool) {
	if a.over { // does not hold the mutex, like Inlet.park
		return b.edge.Park(late)
	}
	if b.over {
		return a.edge.Park(late)
	}
	return handoff.ParkEither(&a.edge.Edge, &b.edge.Edge, late)
}

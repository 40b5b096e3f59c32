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
		switch { // does not hold the mutex, like Inlet.park
		case a.over:
			woken = b.edge.Park(late)
		case b.over:
			woken = a.edge.Park(late)
		default:
			woken = handoff.ParkEither(&a.edge.Edge, &b.edge.Edge, late)
		}
		if woken {
			return nil, true
		}
	}
}

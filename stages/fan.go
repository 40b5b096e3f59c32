package stages

import (
	"time"

	"github.com/weir-go/weir/internal/kernel"
)

// Side says what [Either] returned.
type Side uint8

const (
	// Neither says that both streams have ended.
	Neither Side = iota
	// Left says that there is an item of the first inlet.
	Left
	// Right says that there is an item of the second inlet.
	Right
	// Woken says that the wake channel has delivered.
	Woken
)

// Either returns the next item of one of two inlets of the same stage. If both inlets
// have items, neither waits for long. Either blocks until there is an item, until wake
// delivers, or until both streams have ended. wake may be nil.
func Either[A, B any](a *Inlet[A], b *Inlet[B], wake <-chan time.Time) (x Item[A], y Item[B], side Side) {
	ka, kb := kernel.Of(a), kernel.Of(b)
	for {
		switch first, woken := kernel.Either(ka, kb, wake); {
		case woken:
			return x, y, Woken
		case first == nil:
			return x, y, Neither
		case first == ka:
			if it, ok := a.atHand(); ok {
				return it, y, Left
			}
		default:
			if it, ok := b.atHand(); ok {
				return x, it, Right
			}
		}
	}
}

// atHand returns the next item at hand that concerns the stage, if there is one.
func (in *Inlet[T]) atHand[I InletOf[T]]() (it Item[T], ok bool) {
	k := kernel.Of(in)
	if it.meta, ok = k.AtHand(); ok {
		it.Value = in.at(k)
	}
	return it, ok
}

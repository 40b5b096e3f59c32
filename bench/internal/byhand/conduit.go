package byhand

import (
	"context"
)

// chunk is how many items a slice holds at most.
const chunk = 64

// conduit is a channel of slices, and the way back for used ones.
type conduit[T any] struct{ full, used chan []T }

func newConduit[T any]() *conduit[T] {
	return &conduit[T]{full: make(chan []T, 4), used: make(chan []T, 8)}
}

// take returns an empty slice.
func (c *conduit[T]) take() []T {
	select {
	case vs := <-c.used:
		return vs[:0]
	default:
		return make([]T, 0, chunk)
	}
}

// due reports whether a slice must be sent: it is full, or the receiver has
// none.
func (c *conduit[T]) due(vs []T) bool { return len(vs) == chunk || len(c.full) == 0 }

// send sends a slice and returns an empty one. It reports false if the context
// has ended.
func (c *conduit[T]) send(ctx context.Context, vs []T) ([]T, bool) {
	if len(vs) == 0 {
		return vs, true
	}
	if !send(ctx, c.full, vs) {
		return nil, false
	}
	return c.take(), true
}

// recycle is for the receiver, which has used up a slice.
func (c *conduit[T]) recycle(vs []T) {
	select {
	case c.used <- vs:
	default:
	}
}

package flow

import (
	"context"
	"slices"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Section is a stream with layers that wait for the call they enclose: each
// method adds a layer inside those before, and Map adds the call. The usual
// order is Guard, Dedup, Breaker, Retry; another order means something else,
// and is allowed.
//
// A layer takes a policy, of which the section makes a primitive of its own for
// each run, or a primitive, which can be shared with other sections, and looked
// at from outside.
type Section[T any] struct {
	stream *Stream[T]
	layers []any // each a stages.Layer[T], or what is made one by layersOf
}

// Guard adds a layer that limits how many items are below it; see
// [stages.Guard]. As the outermost layer it bounds the section.
func (s *Section[T]) Guard(g guard.Source) *Section[T] { return with(s, guarding{g}) }

// Dedup adds a layer in which equal items share one call; see [stages.Dedup].
func (s *Section[T]) Dedup[K comparable](d dedup.Source, key func(T) K) *Section[T] {
	return s.Layer(stages.Dedup(d, key))
}

// Breaker adds a layer that stops calls to a service that is down; see
// [stages.Breaker]. It takes the option [Hold].
func (s *Section[T]) Breaker(b breaker.Source, opts ...Option) *Section[T] {
	return with(s, breaking{b, opts})
}

// Retry adds a layer that tries failed calls again; see [stages.Retry]. It takes the
// option [OnDrain].
func (s *Section[T]) Retry(r retry.Source, opts ...Option) *Section[T] {
	return with(s, retrying{r, opts})
}

// Layer adds any layer. The other methods that add one do no more than this.
func (s *Section[T]) Layer(l stages.Layer[T]) *Section[T] { return with(s, l) }

func with[T any](s *Section[T], layer any) *Section[T] {
	return &Section[T]{stream: s.stream, layers: append(slices.Clip(s.layers), layer)}
}

// Map adds the call that the layers enclose, and returns the stream of its
// results; see [stages.Section]. It takes [Workers], [Unordered] and [Buffer].
func (s *Section[T]) Map[U any](name string, f func(context.Context, T) (U, error), opts ...Option) *Stream[U] {
	return s.stream.Via(name, stages.Section(layersOf[T](s.layers), f, opts...), opts...)
}

// Enrich adds the call that the layers enclose, and returns the stream of what
// join makes of each item and the result for it; see [stages.Enrich]. It is for
// items that are equal to a deduplicator and still not the same.
func (s *Section[T]) Enrich[U, V any](name string, f func(context.Context, T) (U, error), join func(T, U) V, opts ...Option) *Stream[V] {
	return s.stream.Via(name, stages.Enrich(layersOf[T](s.layers), f, join, opts...), opts...)
}

package flow

import (
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Throttle lets items through at a rate, each at its cost, 1 where cost is nil; see
// [stages.Throttle]. A drain is not bound to it: for the limits of a service there
// is [Section.RateLimit]. It is named "throttle" unless [Name] is set.
func (s *Stream[T]) Throttle(l limiter.Source, cost func(T) int, opts ...Option) *Stream[T] {
	return via(s, "throttle", stages.Throttle(l, cost), stages.Apply(opts...))
}

// RateLimit adds a layer that lets items down at a rate, each at its cost, 1 where
// cost is nil, and makes all wait where the service asks one to; see
// [stages.RateLimit]. Inside a Retry each try pays.
func (s *Section[T]) RateLimit(l limiter.Source, cost func(T) int) *Section[T] {
	return with(s, pacing[T]{l, cost})
}

// Timeout adds a layer that gives what is below it the time d; see
// [stages.Timeout]. Inside a Retry it is the time of each try, outside of all.
func (s *Section[T]) Timeout(d time.Duration) *Section[T] { return with(s, limiting{d}) }

// What the layers of this house are made of. The layers themselves are made by
// layersOf, where the call is added: the compiler makes all methods of a Stream and
// of a Section for each type of items, also those that are not called, and with them
// all that they make. So a type that has no section does not pay for the layers.
type (
	guarding struct{ source guard.Source }
	breaking struct {
		source breaker.Source
		opts   []Option
	}
	retrying struct {
		source retry.Source
		opts   []Option
	}
	pacing[T any] struct {
		source limiter.Source
		cost   func(T) int
	}
	limiting struct{ d time.Duration }
)

func layersOf[T any](described []any) []stages.Layer[T] {
	layers := make([]stages.Layer[T], len(described))
	for i, d := range described {
		switch d := d.(type) {
		case guarding:
			layers[i] = stages.Guard[T](d.source)
		case breaking:
			layers[i] = stages.Breaker[T](d.source, d.opts...)
		case retrying:
			layers[i] = stages.Retry[T](d.source, d.opts...)
		case pacing[T]:
			layers[i] = stages.RateLimit(d.source, d.cost)
		case limiting:
			layers[i] = stages.Timeout[T](d.d)
		case stages.Layer[T]:
			layers[i] = d
		}
	}
	return layers
}

package flow

import (
	"time"

	"github.com/weir-go/weir/primitives/limiter"
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
	return s.Layer(stages.RateLimit(l, cost))
}

// Timeout adds a layer that gives what is below it the time d; see
// [stages.Timeout]. Inside a Retry it is the time of each try, outside of all.
func (s *Section[T]) Timeout(d time.Duration) *Section[T] { return s.Layer(stages.Timeout[T](d)) }

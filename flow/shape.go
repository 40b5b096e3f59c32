package flow

import (
	"context"

	"github.com/weir-go/weir/stages"
)

// Scan sends on, for each item, the state that f makes of the state before and
// the item, beginning with initial; see [stages.Scan].
func (s *Stream[T]) Scan[A any](name string, initial A, f func(ctx context.Context, state A, v T) (A, error), opts ...Option) *Stream[A] {
	return s.Via(name, stages.Scan(initial, f), opts...)
}

// Reduce folds all items into one value, beginning with initial, and sends it on
// at the end; see [stages.Reduce].
func (s *Stream[T]) Reduce[A any](name string, initial A, f func(ctx context.Context, result A, v T) (A, error), opts ...Option) *Stream[A] {
	return s.Via(name, stages.Reduce(initial, f), opts...)
}

// Take sends on the first n items and then stops the intake; see [stages.Take].
// It is named "take" unless [Name] is set.
func (s *Stream[T]) Take(n int, opts ...Option) *Stream[T] {
	return via(s, "take", stages.Take[T](n), stages.Apply(opts...))
}

// Skip drops the first n items; see [stages.Skip]. It is named "skip" unless
// [Name] is set.
func (s *Stream[T]) Skip(n int, opts ...Option) *Stream[T] {
	return via(s, "skip", stages.Skip[T](n), stages.Apply(opts...))
}

// DistinctUntilChanged drops each item whose key is that of the item before it;
// see [stages.DistinctUntilChanged]. It is named "distinct" unless [Name] is set.
func (s *Stream[T]) DistinctUntilChanged[K comparable](key func(T) K, opts ...Option) *Stream[T] {
	return via(s, "distinct", stages.DistinctUntilChanged(key), stages.Apply(opts...))
}

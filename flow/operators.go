package flow

import (
	"context"
	"iter"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
)

// Map calls f for each item; see [operator.Map].
func (s *Stream[T]) Map[U any](name string, f func(context.Context, T) (U, error), opts ...stages.MapOption) *Stream[U] {
	return via(s, name, operator.Map(f, opts...), named(name, opts))
}

// Filter keeps the items for which keep returns true; see [operator.Filter].
func (s *Stream[T]) Filter[S StreamOf[T]](name string, keep func(context.Context, T) (bool, error), opts ...stages.MapOption) S {
	return via(s, name, operator.Filter(keep, opts...), named(name, opts))
}

// FlatMap sends on each value of the sequences that f returns; see [operator.FlatMap].
func (s *Stream[T]) FlatMap[U any](name string, f func(context.Context, T) (iter.Seq[U], error), opts ...stages.StageOption) *Stream[U] {
	return via(s, name, operator.FlatMap(f), named(name, opts))
}

// Lanes calls f for each item, keeps the order of items with equal keys, and works on
// different keys at the same time; see [operator.Lanes].
func (s *Stream[T]) Lanes[K comparable, U any](name string, key func(T) K, f func(context.Context, T) (U, error), opts ...stages.LanesOption) *Stream[U] {
	return via(s, name, operator.Lanes(key, f, opts...), named(name, opts))
}

// MapBatch calls f for many items at once, of which each keeps its own result; see
// [operator.MapBatch].
func (s *Stream[T]) MapBatch[U any](name string, n int, d time.Duration, f func(context.Context, []T) ([]U, error), opts ...stages.BulkOption) *Stream[U] {
	return via(s, name, operator.MapBatch(n, d, f, opts...), named(name, opts))
}

// Scan sends on, for each item, the state that f makes of the state before and the item,
// beginning with initial; see [operator.Scan].
func (s *Stream[T]) Scan[A any](name string, initial A, f func(ctx context.Context, state A, v T) (A, error), opts ...stages.StageOption) *Stream[A] {
	return via(s, name, operator.Scan(initial, f), named(name, opts))
}

// Reduce folds all items into one value, beginning with initial, and sends it on at the
// end; see [operator.Reduce].
func (s *Stream[T]) Reduce[A any](name string, initial A, f func(ctx context.Context, result A, v T) (A, error), opts ...stages.StageOption) *Stream[A] {
	return via(s, name, operator.Reduce(initial, f), named(name, opts))
}

// The stages below are named after their kind in lower case, unless [stages.Name] is set.

// Batch groups items into slices of n, or fewer if d has passed since the first of them
// came; see [operator.Batch].
func (s *Stream[T]) Batch[B SliceOf[T]](n int, d time.Duration, opts ...stages.BatchOption) *Stream[B] {
	var stage any = operator.Batch[T](n, d, opts...) // B is []T, which the compiler cannot see
	return via(s, "batch", stage.(stages.Stage[T, B]), stages.Apply(opts...))
}

// WindowOf is the type [operator.WindowOf] of T. It is always inferred.
type WindowOf[T any] interface{ operator.WindowOf[T] }

// Window groups items into windows of time; see [operator.Window].
func (s *Stream[T]) Window[W WindowOf[T]](p operator.WindowPolicy, opts ...stages.WindowOption) *Stream[W] {
	var stage any = operator.Window[T](p, opts...) // W is operator.WindowOf[T], which the compiler cannot see
	return via(s, "window", stage.(stages.Stage[T, W]), stages.Apply(opts...))
}

// Take sends on the first n items and then stops the intake; see [operator.Take].
func (s *Stream[T]) Take[S StreamOf[T]](n int, opts ...stages.StageOption) S {
	return via(s, "take", operator.Take[T](n), stages.Apply(opts...))
}

// Skip drops the first n items; see [operator.Skip].
func (s *Stream[T]) Skip[S StreamOf[T]](n int, opts ...stages.StageOption) S {
	return via(s, "skip", operator.Skip[T](n), stages.Apply(opts...))
}

// DistinctUntilChanged drops each item whose key is that of the item before it; see
// [operator.DistinctUntilChanged]. It is named "distinct".
func (s *Stream[T]) DistinctUntilChanged[K comparable](key func(T) K, opts ...stages.StageOption) *Stream[T] {
	return via(s, "distinct", operator.DistinctUntilChanged(key), stages.Apply(opts...))
}

// Unique sends on the first of the items with equal keys within a window, and settles the others
// with it. Use it to filter redeliveries; see [operator.Unique].
func (s *Stream[T]) Unique[K comparable](window time.Duration, key func(T) K, opts ...stages.UniqueOption) *Stream[T] {
	return via(s, "unique", operator.Unique(window, key, opts...), stages.Apply(opts...))
}

// Debounce sends an item on when no other item has come for d after it, and drops it if one has;
// see [operator.Debounce].
func (s *Stream[T]) Debounce[S StreamOf[T]](d time.Duration, opts ...stages.DebounceOption) S {
	return via(s, "debounce", operator.Debounce[T](d, opts...), stages.Apply(opts...))
}

// Delay sends each item on d after it came; see [operator.Delay].
func (s *Stream[T]) Delay[S StreamOf[T]](d time.Duration, opts ...stages.DelayOption) S {
	return via(s, "delay", operator.Delay[T](d, opts...), stages.Apply(opts...))
}

// Throttle lets items through at a rate. cost returns the units of an item; nil stands for 1. See
// [operator.Throttle]. A drain does not keep to the rate: to keep to the limit of a service, use
// [Stream.RateLimit].
func (s *Stream[T]) Throttle[S StreamOf[T]](l limiter.Source, cost func(T) int, opts ...stages.StageOption) S {
	return via(s, "throttle", operator.Throttle(l, cost), stages.Apply(opts...))
}

// Deadline sets the deadline of each item to d after its entry into the flow; see
// [operator.Deadline].
func (s *Stream[T]) Deadline[S StreamOf[T]](d time.Duration, opts ...stages.StageOption) S {
	return via(s, "deadline", operator.Deadline[T](d), stages.Apply(opts...))
}

// Remember keeps each item's value as it is now, so that failures show it; see
// [operator.Remember].
func (s *Stream[T]) Remember[S StreamOf[T]](opts ...stages.StageOption) S {
	return via(s, "remember", operator.Remember[T](), stages.Apply(opts...))
}

// OnError calls f for each failed item. f replaces it, drops it, gives it back to its source, or
// leaves it failed; see [operator.OnError]. It is named "on-error".
func (s *Stream[T]) OnError[S StreamOf[T]](f func(context.Context, *stages.ItemError) (T, error), opts ...stages.StageOption) S {
	return via(s, "on-error", operator.OnError(f), stages.Apply(opts...))
}

// HandBack gives failed items back to their source, and asks it to hand them out again after a
// delay; see [operator.HandBack]. It is named "hand-back".
func (s *Stream[T]) HandBack[S StreamOf[T]](after time.Duration, opts ...stages.HandBackOption) S {
	return via(s, "hand-back", operator.HandBack[T](after, opts...), stages.Apply(opts...))
}

// DeadLetter takes failed items out of the stream, for put to keep; see
// [operator.DeadLetter]. It is named "dead-letter".
func (s *Stream[T]) DeadLetter[S StreamOf[T]](put func(context.Context, *stages.ItemError) error, opts ...stages.StageOption) S {
	return via(s, "dead-letter", operator.DeadLetter[T](put), stages.Apply(opts...))
}

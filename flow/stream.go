package flow

import (
	"context"
	"iter"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Stream is the items that leave a source or a stage: the place where the next
// stage is joined on. A stream has one receiver. Methods only wire, and report
// nothing: what is wrong is told by [Graph.Validate] and before a run.
type Stream[T any] struct {
	graph *Graph
	wire  *wire
}

// Via joins on any stage, under a name. All other methods that add a stage do
// no more than this.
func (s *Stream[T]) Via[U any](name string, stage stages.Stage[T, U], opts ...Option) *Stream[U] {
	settings := stages.Apply(append(opts, stages.Name(name))...)
	return via(s, name, stage, settings)
}

func via[T, U any](s *Stream[T], kind string, stage stages.Stage[T, U], settings stages.Settings) *Stream[U] {
	g := s.graph.root()
	n := g.add(kind, stage, settings)
	w := lead(s, n, settings)
	next := &Stream[U]{graph: g, wire: newWire[U](g, n)}
	n.start = func(r *Run) func() {
		in, out := inletOf[T](r, w), outletOf[U](r, next.wire)
		return func() { stages.RunStage(stage, in, out) }
	}
	return next
}

// Map calls f for each item; see [stages.Map].
func (s *Stream[T]) Map[U any](name string, f func(context.Context, T) (U, error), opts ...Option) *Stream[U] {
	return s.Via(name, stages.Map(f, opts...), opts...)
}

// Filter keeps the items for which keep returns true; see [stages.Filter].
func (s *Stream[T]) Filter(name string, keep func(context.Context, T) (bool, error), opts ...Option) *Stream[T] {
	return s.Via(name, stages.Filter(keep, opts...), opts...)
}

// FlatMap sends on each value of the sequences that f returns; see
// [stages.FlatMap].
func (s *Stream[T]) FlatMap[U any](name string, f func(context.Context, T) (iter.Seq[U], error), opts ...Option) *Stream[U] {
	return s.Via(name, stages.FlatMap(f), opts...)
}

// Lanes calls f for each item, keeps the order of items with equal keys, and
// works on different keys at the same time; see [stages.Lanes].
func (s *Stream[T]) Lanes[K comparable, U any](name string, key func(T) K, f func(context.Context, T) (U, error), opts ...Option) *Stream[U] {
	return s.Via(name, stages.Lanes(key, f, opts...), opts...)
}

// SliceOf is the type []T. It is there for the compiler, which cannot have a
// method of Stream[T] return a Stream[[]T]; B is always inferred.
type SliceOf[T any] interface{ []T }

// Batch groups items into slices of n, or fewer when d has passed since the
// first of them came; see [stages.Batch]. It takes [stages.Weight], and is named
// "batch" unless [Name] is set.
func (s *Stream[T]) Batch[B SliceOf[T]](n int, d time.Duration, opts ...Option) *Stream[B] {
	var stage any = stages.Batch[T](n, d, opts...) // B is []T, which the compiler cannot see
	return via(s, "batch", stage.(stages.Stage[T, B]), stages.Apply(opts...))
}

// OnError asks f about each failed item: to replace it, to drop it, or to leave
// it failed; see [stages.OnError]. It is named "on-error" unless [Name] is set.
func (s *Stream[T]) OnError(f func(context.Context, *stages.ItemError) (T, error), opts ...Option) *Stream[T] {
	return via(s, "on-error", stages.OnError(f), stages.Apply(opts...))
}

// DeadLetter takes failed items out of the stream, for put to keep; see
// [stages.DeadLetter]. It is named "dead-letter" unless [Name] is set.
func (s *Stream[T]) DeadLetter(put func(context.Context, *stages.ItemError) error, opts ...Option) *Stream[T] {
	return via(s, "dead-letter", stages.DeadLetter[T](put), stages.Apply(opts...))
}

// To ends the stream in a sink, and returns the graph. It is named "sink"
// unless [Name] is set.
func (s *Stream[T]) To(sink stages.Sink[T], opts ...Option) *Graph {
	settings := stages.Apply(opts...)
	g := s.graph.root()
	n := g.add("sink", sink, settings)
	w := lead(s, n, settings)
	n.start = func(r *Run) func() {
		in := inletOf[T](r, w)
		return func() { stages.RunSink(sink, in) }
	}
	return g
}

// Guard opens a section whose outermost layer is a guard; see [Section.Guard].
func (s *Stream[T]) Guard(g guard.Source) *Section[T] { return open(s).Guard(g) }

// Dedup opens a section whose outermost layer is a deduplicator; see
// [Section.Dedup].
func (s *Stream[T]) Dedup[K comparable](d dedup.Source, key func(T) K) *Section[T] {
	return open(s).Dedup(d, key)
}

// Breaker opens a section whose outermost layer is a circuit breaker; see
// [Section.Breaker].
func (s *Stream[T]) Breaker(b breaker.Source, opts ...Option) *Section[T] {
	return open(s).Breaker(b, opts...)
}

// Retry opens a section whose outermost layer is a retry; see [Section.Retry].
func (s *Stream[T]) Retry(r retry.Source, opts ...Option) *Section[T] {
	return open(s).Retry(r, opts...)
}

// Layer opens a section whose outermost layer is l; see [Section.Layer].
func (s *Stream[T]) Layer(l stages.Layer[T]) *Section[T] { return open(s).Layer(l) }

func open[T any](s *Stream[T]) *Section[T] {
	s.graph.root().open[s.wire.from] = true
	return &Section[T]{stream: s}
}

package flow

import (
	"context"
	"slices"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
)

// Section is a stream with layers and, so far, without the call that they enclose. Each method
// adds a layer inside the layers before, and Map or Enrich adds the call. The usual order is
// Guard, Dedup, Breaker, Retry. Another order is allowed and has another meaning. A section
// without a call is not valid.
//
// A layer takes a policy or a primitive. From a policy the section makes a primitive of its own
// for each run. A primitive can be shared with other sections and observed from outside.
type Section[T any] struct {
	stream *Stream[T]
	chain  chain
}

// SectionOf is the type *Section[T]. It is always inferred.
type SectionOf[T any] interface{ *Section[T] }

// begun is a section that was begun, with its layers so far. used is set when a further layer or the
// call was added.
type begun struct {
	after  *node
	layers []string
	used   bool
}

// chain is the layers of a section.
type chain struct {
	layers []section.Layer
	begun  *begun
}

// open begins a section.
func open[T any](s *Stream[T]) *Section[T] {
	return &Section[T]{s, chain{begun: &begun{after: s.wire.from, used: true}}}
}

// with adds a layer.
func with[T any](s *Section[T], l section.Layer) *Section[T] {
	return &Section[T]{s.stream, s.chain.and(s.stream.graph, l)}
}

// and returns the chain with one more layer. It is not generic, so that the methods compile fast.
//
//go:noinline
func (c *chain) and(g *Graph, l section.Layer) chain {
	c.begun.used = true
	next := &begun{after: c.begun.after, layers: append(slices.Clip(c.begun.layers), l.Kind())}
	g = g.root()
	g.sections = append(g.sections, next)
	return chain{append(slices.Clip(c.layers), l), next}
}

// Guard adds a layer that limits how many items are below it; see [section.Guard]. As the
// outermost layer it bounds the section.
func (s *Section[T]) Guard[S SectionOf[T]](g guard.Source) S { return with(s, section.Guard(g)) }

// Dedup adds a layer in which equal items share one call; see [section.Dedup].
func (s *Section[T]) Dedup[K comparable](d dedup.Source, key func(T) K) *Section[T] {
	return with(s, section.Dedup(d, key))
}

// Breaker adds a layer that stops calls to a service that is down; see [section.Breaker].
func (s *Section[T]) Breaker[S SectionOf[T]](b breaker.Source, opts ...stages.BreakerOption) S {
	return with(s, section.Breaker(b, opts...))
}

// Retry adds a layer that tries failed calls again; see [section.Retry].
func (s *Section[T]) Retry[S SectionOf[T]](r retry.Source, opts ...stages.RetryOption) S {
	return with(s, section.Retry(r, opts...))
}

// RateLimit adds a layer that lets items down at a rate. cost returns the units of an item; nil
// stands for 1. See [section.RateLimit]. Inside a Retry each try pays.
func (s *Section[T]) RateLimit[S SectionOf[T]](l limiter.Source, cost func(T) int) S {
	return with(s, section.RateLimit(l, cost))
}

// Timeout adds a layer that gives what is below it the time d; see [section.Timeout]. Inside a
// Retry, d is the time of each try; outside, of all tries.
func (s *Section[T]) Timeout[S SectionOf[T]](d time.Duration) S { return with(s, section.Timeout(d)) }

// Layer adds any layer: one of package section, or your own; see [section.Use].
func (s *Section[T]) Layer[S SectionOf[T]](l section.Layer) S { return with(s, l) }

// Map adds the call that the layers enclose, and returns the stream of its results; see
// [section.Map].
func (s *Section[T]) Map[U any](name string, f func(context.Context, T) (U, error), opts ...stages.MapOption) *Stream[U] {
	s.chain.begun.used = true
	return via(s.stream, name, section.Map(s.chain.layers, f, opts...), named(name, opts))
}

// Enrich adds the call that the layers enclose, and returns the stream of what join makes of each
// item and its result; see [section.Enrich]. Use it if items that share a call still differ from
// each other.
func (s *Section[T]) Enrich[U, V any](name string, f func(context.Context, T) (U, error), join func(T, U) V, opts ...stages.MapOption) *Stream[V] {
	s.chain.begun.used = true
	return via(s.stream, name, section.Enrich(s.chain.layers, f, join, opts...), named(name, opts))
}

// Guard opens a section whose outermost layer is a guard; see [section.Guard].
func (s *Stream[T]) Guard[S SectionOf[T]](g guard.Source) S { return with(open(s), section.Guard(g)) }

// Dedup opens a section whose outermost layer is a deduplicator; see [section.Dedup].
func (s *Stream[T]) Dedup[K comparable](d dedup.Source, key func(T) K) *Section[T] {
	return with(open(s), section.Dedup(d, key))
}

// Breaker opens a section whose outermost layer is a circuit breaker; see [section.Breaker].
func (s *Stream[T]) Breaker[S SectionOf[T]](b breaker.Source, opts ...stages.BreakerOption) S {
	return with(open(s), section.Breaker(b, opts...))
}

// Retry opens a section whose outermost layer is a retry; see [section.Retry].
func (s *Stream[T]) Retry[S SectionOf[T]](r retry.Source, opts ...stages.RetryOption) S {
	return with(open(s), section.Retry(r, opts...))
}

// RateLimit opens a section whose outermost layer is a rate limit; see [section.RateLimit].
func (s *Stream[T]) RateLimit[S SectionOf[T]](l limiter.Source, cost func(T) int) S {
	return with(open(s), section.RateLimit(l, cost))
}

// Timeout opens a section whose outermost layer is a timeout; see [section.Timeout].
func (s *Stream[T]) Timeout[S SectionOf[T]](d time.Duration) S {
	return with(open(s), section.Timeout(d))
}

// Layer opens a section whose outermost layer is l; see [Section.Layer].
func (s *Stream[T]) Layer[S SectionOf[T]](l section.Layer) S { return with(open(s), l) }

package sink

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/internal/bulk"
)

// ForEachBatch is a sink that calls f with many values at once, as a MapBatch does: each item
// is acknowledged by itself. A failed item stops the run, as at any sink. To keep the failed
// items of a batch as dead letters, use a MapBatch with a DeadLetter stage behind it.
func ForEachBatch[T any](n int, d time.Duration, f func(context.Context, []T) error, opts ...stages.BulkOption) stages.Sink[T] {
	return &forEachBatch[T]{f, bulk.Settings{Size: n, Delay: d, Options: stages.Apply(opts...)}}
}

type forEachBatch[T any] struct {
	f        func(context.Context, []T) error
	settings bulk.Settings
}

// Holds implements [stages.Holder].
func (s *forEachBatch[T]) Holds() int { return s.settings.Holds() }

// Validate implements [stages.Validator].
func (s *forEachBatch[T]) Validate() error {
	err := s.settings.Validate()
	if s.f == nil {
		err = errors.Join(errors.New("function is nil"), err)
	}
	return err
}

func (s *forEachBatch[T]) Run(_ context.Context, in *stages.Inlet[T]) error {
	k := kernel.Of(in)
	f := typed.DetachedEnd(k.Node(), s.f)
	bulk.Run(k, s.settings, func() bulk.Batch {
		return &batch[T]{Values: bulk.Values[T]{In: k}, f: f}
	})
	return nil
}

// batch is a batch of a ForEachBatch.
type batch[T any] struct {
	bulk.Values[T]
	f func(context.Context, []T) error
}

// Call implements [bulk.Batch].
func (b *batch[T]) Call(ctx context.Context, live []int) (results int, err error) {
	return len(live), b.f(ctx, b.Copy(live))
}

// Send implements [bulk.Batch].
func (b *batch[T]) Send(m *kernel.Meta, _ int) { b.In.Done(*m) }

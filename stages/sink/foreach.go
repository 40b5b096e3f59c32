package sink

import (
	"context"
	"errors"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// ForEach is a sink that calls f for each value, in order, one at a time. An error or a
// panic fails the item; as a failure at the end of a flow has nowhere to go, the run stops
// with it. [stages.ErrDrop] drops the item instead.
func ForEach[T any](f func(context.Context, T) error) stages.Sink[T] { return &forEach[T]{f} }

type forEach[T any] struct {
	f func(context.Context, T) error
}

// Validate implements [stages.Validator].
func (s *forEach[T]) Validate() error {
	if s.f == nil {
		return errors.New("function is nil")
	}
	return nil
}

func (s *forEach[T]) Run(_ context.Context, in *stages.Inlet[T]) error {
	n := kernel.Of(in).Node()
	n.Work(typed.EndOp(typed.DetachedEnd(n, s.f)))
	return nil
}

// Append is a sink that appends the values to *dst, which may be read when the run has
// ended.
func Append[T any](dst *[]T) stages.Sink[T] { return &appender[T]{dst} }

type appender[T any] struct{ dst *[]T }

// Validate implements [stages.Validator].
func (a *appender[T]) Validate() error {
	if a.dst == nil {
		return errors.New("slice is nil")
	}
	return nil
}

func (a *appender[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	each := &forEach[T]{func(_ context.Context, v T) error {
		*a.dst = append(*a.dst, v)
		return nil
	}}
	return each.Run(ctx, in)
}

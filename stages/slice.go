package stages

import "context"

// Slice is a source of the values of a slice, in order. The slice must not be
// changed while the flow runs; it can be run again.
func Slice[T any](values []T) Source[T] { return sliceSource[T](values) }

type sliceSource[T any] []T

func (s sliceSource[T]) Run(ctx context.Context, out *Outlet[T]) error {
	for len(s) > 0 && ctx.Err() == nil {
		n := min(len(s), batchSize)
		if !emitAll(out, s[:n]) {
			return nil
		}
		s = s[n:]
	}
	return nil
}

// Append is a sink that appends the values to *dst, which may be read when the
// run has ended.
func Append[T any](dst *[]T) Sink[T] { return &appender[T]{dst} }

type appender[T any] struct{ dst *[]T }

func (a *appender[T]) Validate() error { return needs(a.dst == nil, "slice is nil") }

func (a *appender[T]) Run(ctx context.Context, in *Inlet[T]) error {
	each := &forEach[T]{func(_ context.Context, v T) error {
		*a.dst = append(*a.dst, v)
		return nil
	}}
	return each.Run(ctx, in)
}

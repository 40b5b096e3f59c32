package typed

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
)

// mapOp calls f for each item.
type mapOp[I, O any] struct {
	f func(context.Context, I) (O, error)
}

// MapOp returns the op of a function.
func MapOp[I, O any](f func(context.Context, I) (O, error)) kernel.Op { return &mapOp[I, O]{f} }

// Work implements kernel.Op.
func (m *mapOp[I, O]) Work(g *kernel.Group) {
	src, dst := Values[I](g.In), Values[O](g.Out)
	f, ctx, i, n, end := m.f, g.Ctx, g.Next, g.N, g.End
	for ; i < end; i++ {
		if ctx.Err() != nil {
			g.Refuse()
			return
		}
		v, err := f(ctx, src[i]) // if it panics, g knows the item by Next
		if err != nil {
			g.Fail(err)
			n = g.N
			continue
		}
		dst[n] = v
		n++
		g.Next, g.N = i+1, n
	}
}

// endOp calls f for each item, at the end of a flow.
type endOp[T any] struct {
	f func(context.Context, T) error
}

// EndOp returns the op of a sink.
func EndOp[T any](f func(context.Context, T) error) kernel.Op { return &endOp[T]{f} }

// Work implements kernel.Op.
func (s *endOp[T]) Work(g *kernel.Group) {
	src := Values[T](g.In)
	f, ctx, i, end := s.f, g.Ctx, g.Next, g.End
	for ; i < end; i++ {
		if ctx.Err() != nil {
			g.Refuse()
			return
		}
		if err := f(ctx, src[i]); err != nil {
			g.Fail(err)
			continue
		}
		g.Next = i + 1
	}
}

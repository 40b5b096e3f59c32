package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Skip drops the first n items, as filtered, and sends on the others. An item that has failed
// before does not count, and passes.
//
//	in:   --1--2--3--4-->
//	        Skip(2)
//	out:  --------3--4-->
func Skip[T any](n int) stages.Stage[T, T] { return &skipper[T]{n: n} }

type skipper[T any] struct {
	single
	n int
}

// Validate implements [stages.Validator].
func (s *skipper[T]) Validate() error { return atLeast(0, "number of items to skip", s.n) }

func (s *skipper[T]) Run(_ context.Context, in *stages.Inlet[T], _ *stages.Outlet[T]) error {
	kernel.Of(in).Node().Work(&skipOp{s.n})
	return nil
}

// skipOp is a running Skip, which has left items to drop.
type skipOp struct{ left int }

// Work implements [kernel.Op].
func (s *skipOp) Work(g *kernel.Group) {
	if g.Ctx.Err() != nil {
		g.Refuse()
		return
	}
	for ; s.left > 0 && g.Next < g.End; s.left-- {
		g.Drop()
	}
	g.Forward(g.End - g.Next)
}

package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Take sends on the first n items and then ends its stream. The intake stops unless another
// stage still wants items of the source. Items that still come are dropped, as filtered. An
// item that has failed before does not count, and passes.
//
//	in:   --1--2--3--4-->
//	        Take(2)
//	out:  --1--2|
func Take[T any](n int) stages.Stage[T, T] { return &taker[T]{n: n} }

type taker[T any] struct {
	single
	n int
}

// Validate implements [stages.Validator].
func (t *taker[T]) Validate() error { return atLeast(0, "number of items to take", t.n) }

func (t *taker[T]) Run(_ context.Context, in *stages.Inlet[T], _ *stages.Outlet[T]) error {
	if t.n > 0 {
		kernel.Of(in).Node().Work(&takeOp{t.n})
	}
	return nil
}

// takeOp is a running Take, which has left items to send.
type takeOp struct{ left int }

// Work implements [kernel.Op].
func (t *takeOp) Work(g *kernel.Group) {
	if g.Ctx.Err() != nil {
		g.Refuse()
		return
	}
	k := min(t.left, g.End-g.Next)
	g.Forward(k)
	if t.left -= k; t.left == 0 {
		g.Finish()
	}
}

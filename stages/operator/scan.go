package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Scan sends on, for each item, the state that f makes of the state before and the item: a
// running total, for example. The first state before is initial.
//
//	in:   --1--2--3--4-->
//	f:      (sum, x) => sum+x, from 0
//	out:  --1--3--6--10->
//
// An error of f, or a panic, fails the item and leaves the state as it was; [stages.ErrDrop]
// drops the item. Each run begins with initial anew. If initial contains a map, a slice or a
// pointer, all runs share what it refers to, unless f makes a copy. So do the receivers of
// the states.
func Scan[T, A any](initial A, f func(ctx context.Context, state A, v T) (A, error)) stages.Stage[T, A] {
	return &scanner[T, A]{initial: initial, f: f}
}

type scanner[T, A any] struct {
	single
	initial A
	f       func(context.Context, A, T) (A, error)
}

// Validate implements [stages.Validator].
func (s *scanner[T, A]) Validate() error { return needs(s.f == nil, "function is nil") }

func (s *scanner[T, A]) Run(_ context.Context, in *stages.Inlet[T], _ *stages.Outlet[A]) error {
	n := kernel.Of(in).Node()
	f := typed.Detached(n, func(ctx context.Context, i scanned[T, A]) (A, error) { return s.f(ctx, i.state, i.v) })
	n.Serves(s.f)
	n.Work(&scanOp[T, A]{s.initial, f})
	return nil
}

// scanned is the argument of the function of a Scan.
type scanned[T, A any] struct {
	state A
	v     T
}

// scanOp is a running Scan.
type scanOp[T, A any] struct {
	state A
	f     func(context.Context, scanned[T, A]) (A, error)
}

// Work implements [kernel.Op].
func (s *scanOp[T, A]) Work(g *kernel.Group) {
	src, dst := typed.Values[T](g.In), typed.Values[A](g.Out)
	for g.Next < g.End {
		if g.Ctx.Err() != nil {
			g.Refuse()
			return
		}
		state, err := s.f(g.Ctx, scanned[T, A]{s.state, src[g.Next]})
		if err != nil {
			g.Fail(err)
			continue
		}
		s.state, dst[g.N] = state, state
		g.N++
		g.Next++
	}
}

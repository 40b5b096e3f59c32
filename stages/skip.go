package stages

import (
	"context"
	"fmt"
)

// Skip drops the first n items, as filtered, and sends on the others. An item
// that has failed before does not count, and passes.
//
//	in:   --1--2--3--4-->
//	        Skip(2)
//	out:  --------3--4-->
func Skip[T any](n int) Stage[T, T] { return &skipper[T]{n} }

type skipper[T any] struct{ n int }

func (s *skipper[T]) Validate() error { return atLeast(0, "number of items to skip", s.n) }

// Run is called once; inlined, it would be made again in its wrapper, with all
// that it holds.
//
//go:noinline
func (s *skipper[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	left := s.n
	inTurn(in, out, func(_ context.Context, v T) (T, error) {
		if left > 0 {
			left--
			return v, ErrDrop
		}
		return v, nil
	}, endless)
	return nil
}

// atLeast refuses numbers below a minimum.
func atLeast(minimum int, what string, n int) error {
	if n < minimum {
		return fmt.Errorf("%s must be at least %d, not %d", what, minimum, n)
	}
	return nil
}

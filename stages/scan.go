package stages

import "context"

// Scan sends on, for each item, the state that f makes of the state before and
// the item: a running total, for example. The first state before is initial.
//
//	in:   --1--2--3--4-->
//	f:      (sum, x) => sum+x, from 0
//	out:  --1--3--6--10->
//
// An error of f, or a panic, fails the item and leaves the state as it was;
// [ErrDrop] drops it. Each run begins with initial anew; where that has a map, a
// slice or a pointer in it, the runs share what it leads to, and so do the
// receivers of the states, unless f makes a copy.
func Scan[T, A any](initial A, f func(ctx context.Context, state A, v T) (A, error)) Stage[T, A] {
	return &scanner[T, A]{initial, f}
}

type scanner[T, A any] struct {
	initial A
	f       func(context.Context, A, T) (A, error)
}

func (s *scanner[T, A]) Validate() error { return needs(s.f == nil, "function is nil") }

func (s *scanner[T, A]) Run(_ context.Context, in *Inlet[T], out *Outlet[A]) error {
	state := s.initial
	inTurn(in, out, func(ctx context.Context, v T) (A, error) {
		next, err := s.f(ctx, state, v)
		if err == nil {
			state = next
		}
		return next, err
	}, endless)
	return nil
}

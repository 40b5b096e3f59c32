package stages

import "context"

// Take sends on the first n items and then wants no more: the intake stops, as
// far as nobody else wants what it brings, and what comes still is dropped, as
// filtered. An item that has failed before does not count, and passes.
//
//	in:   --1--2--3--4-->
//	        Take(2)
//	out:  --1--2|
func Take[T any](n int) Stage[T, T] { return &taker[T]{n} }

type taker[T any] struct{ n int }

func (t *taker[T]) Validate() error { return atLeast(0, "number of items to take", t.n) }

// Run is called once; inlined, it would be made again in its wrapper, with all
// that it holds.
//
//go:noinline
func (t *taker[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	left := t.n
	inTurn(in, out, func(_ context.Context, v T) (T, error) {
		left--
		return v, nil
	}, func() int { return left })
	return nil
}

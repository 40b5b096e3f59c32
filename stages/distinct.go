package stages

import "context"

// DistinctUntilChanged drops each item whose key is that of the item before it,
// as filtered, and keeps one key in memory. To know equal items that are further
// apart, there is [Dedup].
//
//	in:   --a1--a2--b1--a3-->
//	key:    the letter
//	out:  --a1------b1--a3-->
//
// A panic of key fails the item, and changes nothing.
func DistinctUntilChanged[T any, K comparable](key func(T) K) Stage[T, T] {
	return &distinct[T, K]{key}
}

type distinct[T any, K comparable] struct{ key func(T) K }

func (d *distinct[T, K]) Validate() error { return needs(d.key == nil, "key function is nil") }

func (d *distinct[T, K]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	var last K
	any := false
	inTurn(in, out, func(_ context.Context, v T) (T, error) {
		k := d.key(v)
		if any && k == last {
			return v, ErrDrop
		}
		last, any = k, true
		return v, nil
	}, endless)
	return nil
}

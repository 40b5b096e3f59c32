package operator

import (
	"context"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// DistinctUntilChanged drops each item whose key is that of the item before it, as filtered,
// and keeps one key in memory. To drop equal items that are further apart, use [Unique].
//
//	in:   --a1--a2--b1--a3-->
//	key:    the letter
//	out:  --a1------b1--a3-->
//
// A panic of key, a key that cannot be compared, or one that is not equal to itself fails the
// item, and changes nothing.
func DistinctUntilChanged[T any, K comparable](key func(T) K) stages.Stage[T, T] {
	return &distinct[T, K]{key: key}
}

type distinct[T any, K comparable] struct {
	single
	key func(T) K
}

// Validate implements [stages.Validator].
func (d *distinct[T, K]) Validate() error { return needs(d.key == nil, "key function is nil") }

func (d *distinct[T, K]) Run(_ context.Context, in *stages.Inlet[T], _ *stages.Outlet[T]) error {
	n := kernel.Of(in).Node()
	key := typed.Detached(n, stages.Lift(d.key))
	n.Serves(d.key)
	n.Work(&distinctOp[T, K]{key: key})
	return nil
}

// distinctOp is a running DistinctUntilChanged.
type distinctOp[T any, K comparable] struct {
	key   func(context.Context, T) (K, error)
	last  K
	begun bool // there is a last key
}

// Work implements [kernel.Op].
func (d *distinctOp[T, K]) Work(g *kernel.Group) {
	src := typed.Values[T](g.In)
	for g.Next < g.End {
		if g.Ctx.Err() != nil {
			g.Refuse()
			return
		}
		k, err := d.key(g.Ctx, src[g.Next])
		if err == nil {
			err = typed.CheckKey(k)
		}
		switch {
		case err != nil:
			g.Fail(err)
		case d.begun && k == d.last:
			g.Drop()
		default:
			d.last, d.begun = k, true
			g.Forward(1)
		}
	}
}

package operator

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// MaxJoin is how many items a [Join] keeps of each inlet. Beyond that the oldest item leaves
// before its time.
const MaxJoin = 1 << 16

// Join joins each item of one inlet with each item of the other that has the same key and
// arrives less than d before or after it.
//
//	a:    --a1-----b1---c1-------->
//	b:    -----b2--------a2--b3--->
//	key:    the letter
//	out:  ---------b1b2------b1b3->   a2 came too late for a1
//
// An item leaves when d has passed: as folded if it was part of a pair, as filtered if it was
// not. Pairs carry the lineage of both. An item is acknowledged when all its pairs are done and
// no further pair can come.
//
// A panic of a key function fails the item. So does a key that cannot be hashed, or one that is
// not equal to itself. A panic of join fails the pair.
func Join[A, B any, K comparable, O any](d time.Duration, keyA func(A) K, keyB func(B) K, join func(A, B) O) stages.Pairing[A, B, O] {
	return &joiner[A, B, K, O]{d, keyA, keyB, join}
}

type joiner[A, B any, K comparable, O any] struct {
	d    time.Duration
	keyA func(A) K
	keyB func(B) K
	join func(A, B) O
}

// Validate implements [stages.Validator].
func (j *joiner[A, B, K, O]) Validate() error {
	return errors.Join(
		needs(j.d <= 0, "join window must be positive"),
		needs(j.keyA == nil || j.keyB == nil, "key function is nil"),
		needs(j.join == nil, "join function is nil"))
}

func (j *joiner[A, B, K, O]) Run(_ context.Context, a *stages.Inlet[A], b *stages.Inlet[B], out *stages.Outlet[O]) error {
	o := kernel.OutletOf(out)
	m := mates{left: side{in: kernel.Of(a)}, right: side{in: kernel.Of(b), which: 1}, d: int64(j.d), out: o, rt: o.Node().Run()}
	m.left.keys, m.right.keys = typed.NewCommonKeys(j.keyA, j.keyB)
	var pair O
	m.join = func(x, y int) error {
		pair = j.join(typed.ColumnValues[A](m.left.values)[x], typed.ColumnValues[B](m.right.values)[y])
		return nil
	}
	m.send = func(meta *kernel.Meta) {
		o.Node().Waited(meta)
		typed.Send(o, meta, pair)
	}
	m.work()
	return nil
}

package operator

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Deadline is a stage that sets the deadline of each item to d after its entry into the flow. A
// deadline that the item already has stays if it is earlier. From then on no stage begins work
// on the item, and the context of a function at work on it ends. Such an item fails with
// [stages.ErrExpired] and counts as expired. In an untimed run the entry of an item is not
// known, and d counts from this stage.
//
// A batch, a window or another item made of several has the latest of their deadlines, and none
// if one of them has none. A pair of [Zip] or [Join] has the earlier of two deadlines. An item
// does not expire, however late it is, if it is dropped, finds no partner, or ends in a sink
// that calls no function.
func Deadline[T any](d time.Duration) stages.Stage[T, T] { return &deadliner[T]{d: d} }

type deadliner[T any] struct {
	single
	d time.Duration
}

// Validate implements [stages.Validator].
func (s *deadliner[T]) Validate() error { return needs(s.d <= 0, "deadline must be positive") }

func (s *deadliner[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	for m, ok, _ := k.Next(nil); ok; m, ok, _ = k.Next(nil) {
		o.Resend(k, k.LimitTo(m, s.d))
	}
	return nil
}

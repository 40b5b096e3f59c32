package operator

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Deadline is a stage that gives each item until d after its entry into the flow to be done; an
// earlier deadline that the item has already holds. From then on no stage begins work on the
// item, and the context of a function at work on it ends. Such an item fails with
// [stages.ErrExpired] and counts as expired. In an untimed run the entry of an item is not
// known, and d counts from this stage.
//
// An item that is made of several items, such as a batch or a window, is late when the last of
// them is, and never if one of them has no deadline. A pair, of [Zip] or [Join], is late when
// the first of the two is. An item that is dropped, that finds no partner, or that ends in a
// sink that calls no function, is not expired, however late.
func Deadline[T any](d time.Duration) stages.Stage[T, T] { return &deadliner[T]{d} }

type deadliner[T any] struct{ d time.Duration }

// Validate implements [stages.Validator].
func (s *deadliner[T]) Validate() error { return needs(s.d <= 0, "deadline must be positive") }

func (s *deadliner[T]) Run(_ context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	for m, ok, _ := k.Next(nil); ok; m, ok, _ = k.Next(nil) {
		o.Resend(k, k.LimitTo(m, s.d))
	}
	return nil
}

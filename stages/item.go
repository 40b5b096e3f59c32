package stages

import (
	"time"

	"github.com/weir-go/weir/internal/kernel"
)

// Item is one value on its way through a flow, with its lineage: timings, deadline,
// context, the acknowledgement that its source waits for, and its failure.
//
// An item belongs to the stage that received it. The stage must account for it exactly
// once, by one of these:
//   - [Outlet.Send] sends the item on.
//   - [Inlet.Fail] fails it.
//   - [Inlet.Drop] drops it on purpose.
//   - [Inlet.Fold] makes it part of another item.
//
// If a stage does none of these, the ledger of the run does not balance.
type Item[T any] struct {
	Value T
	meta  kernel.Meta
}

// With returns an item that carries v and continues the lineage of it: what a stage sends
// on for the item it received. It replaces the item and is accounted for in its place. It
// does not block and does not allocate.
func (it Item[T]) With[U any](v U) Item[U] { return Item[U]{Value: v, meta: it.meta} }

// Err returns the *[ItemError] of an item that has failed, else nil. Only stages and sinks
// that take failures ([FailureTaker]) ever see a failed item.
func (it Item[T]) Err() error {
	if f := it.meta.Fault(); f != nil {
		return (*ItemError)(f)
	}
	return nil
}

// Deadline returns by when the item must be done, and whether it has to be. in is the
// inlet that it came by.
func (it Item[T]) Deadline(in *Inlet[T]) (time.Time, bool) {
	by := it.meta.Limit().Deadline
	if by == 0 {
		return time.Time{}, false
	}
	return kernel.Of(in).Node().Run().Time(by), true
}

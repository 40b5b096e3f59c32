package stages

// Item is one value on its way through a flow, with its lineage: the timings
// it has gathered and, where it has failed, the failure.
//
// An item belongs to the stage that received it until that stage accounts for
// it, exactly once: by sending it on ([Outlet.Send]), by failing it
// ([Inlet.Fail]), by dropping it on purpose ([Inlet.Drop]) or by making it part
// of another item ([Inlet.Fold]). An item that none of them hears of shows up
// as a fault of the ledger.
type Item[T any] struct {
	Value T
	fault *ItemError
	trail *trail
}

// With returns an item that carries v and continues the lineage of it: what a
// stage sends on for the item it received. It replaces it and is accounted for
// in its place. It does not block and does not allocate.
func (it Item[T]) With[U any](v U) Item[U] {
	return Item[U]{Value: v, fault: it.fault, trail: it.trail}
}

// Err returns the *[ItemError] of an item that has failed, else nil. Only
// stages and sinks that take failures ([FailureTaker]) ever see a failed item.
func (it Item[T]) Err() error {
	if it.fault == nil {
		return nil
	}
	return it.fault
}

// failed reports a failed item.
func (it *Item[T]) failed() bool { return it.fault != nil }

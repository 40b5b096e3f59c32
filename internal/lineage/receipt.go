package lineage

import (
	"slices"
	"sync/atomic"
)

// Receipt is what an item owes its source: one call of settle, when everything that was made of the
// item has left the flow. All items that are derived from the item share its receipt. The last one
// that leaves settles it.
type Receipt struct {
	owed   atomic.Int32          // items that carry it
	fault  atomic.Pointer[error] // the first failure
	settle func(error)
	source Settler    // calls settle; nil if r only watches
	parts  []*Receipt // of items that were folded into one, in place of settle
	call   any        // the caller that waits for the item's result, nil if none

	replays    int
	deliveries int
	id         string // the name that the source gave the item, empty if it gave none
	seen       atomic.Pointer[seen]
	lot        *Lot        // nil for none
	watches    bool        // no source waits for it; see [Trail.Watch]
	buried     atomic.Bool // something that was made of the item is a dead letter
}

// Settler calls the acknowledgement of a source, which is user code.
type Settler interface {
	Settle(ack func(error), err error)
}

// NewReceipt returns a receipt for n items. It calls settle once.
func NewReceipt(n int, settle func(error)) *Receipt { return new(Receipt).Owe(n, nil, settle) }

// Owe makes r, which is new, a receipt for n items. It calls settle once, by source if that is not
// nil.
func (r *Receipt) Owe(n int, source Settler, settle func(error)) *Receipt {
	r.settle, r.source = settle, source
	r.owed.Store(int32(n))
	return r
}

// Buried reports whether anything that was made of the item is a dead letter.
func (r *Receipt) Buried() bool { return r.buried.Load() }

// Bury notes that the item is a dead letter.
func (r *Receipt) Bury() {
	if r == nil {
		return
	}
	r.buried.Store(true)
	for _, p := range r.parts {
		p.Bury()
	}
}

// Replayed returns how often the item had been replayed. For an item that was made of several it is
// the largest number.
func (r *Receipt) Replayed() int {
	if r == nil {
		return 0
	}
	most := r.replays
	for _, p := range r.parts {
		most = max(most, p.Replayed())
	}
	return most
}

// Delivered returns how often the item was delivered, 0 if that is not known. For an item that was
// made of several it is the largest number.
func (r *Receipt) Delivered() int {
	if r == nil {
		return 0
	}
	most := r.deliveries
	for _, p := range r.parts {
		most = max(most, p.Delivered())
	}
	return most
}

// Calls calls f for each caller that waits for a result of the item.
func (r *Receipt) Calls(f func(any)) {
	if r == nil {
		return
	}
	if r.call != nil {
		f(r.call)
	}
	for _, p := range r.parts {
		p.Calls(f)
	}
}

// blame notes the first failure. It is a function of its own, so that only a failure allocates.
func (r *Receipt) blame(err error) { r.fault.CompareAndSwap(nil, &err) }

// Close counts one item of the receipt as gone. The last one settles it. The receipt may be nil.
func (r *Receipt) Close(err error) {
	if r == nil {
		return
	}
	if err != nil {
		r.blame(err)
	}
	if r.owed.Add(-1) > 0 {
		return
	}
	if first := r.fault.Load(); first != nil {
		err = *first
	}
	for _, p := range r.parts {
		p.Close(err)
	}
	if r.settle != nil {
		r.Settle(err)
	}
}

// Waits reports whether a source waits for the item.
func (r *Receipt) Waits() bool {
	switch {
	case r == nil || r.watches:
		return false
	case r.parts == nil:
		return true
	}
	for _, p := range r.parts {
		if p.Waits() {
			return true
		}
	}
	return false
}

// WithCall makes r the receipt of a caller.
func (r *Receipt) WithCall(call any) *Receipt { r.call = call; return r }

// WithReplays sets how often the item has been replayed.
func (r *Receipt) WithReplays(n int) *Receipt { r.replays = n; return r }

// WithDeliveries sets how often the item was delivered.
func (r *Receipt) WithDeliveries(n int) *Receipt { r.deliveries = n; return r }

// WithID sets the name that the source gave the items.
func (r *Receipt) WithID(id string) *Receipt { r.id = id; return r }

// WithLot adds the items to a lot.
func (r *Receipt) WithLot(l *Lot, run *Recall) *Receipt {
	r.lot = l
	l.enter(run)
	return r
}

// Settle settles the receipt. A source calls it itself for a receipt of no items.
func (r *Receipt) Settle(err error) {
	if r.lot != nil {
		defer r.lot.leave()
	}
	settle := r.settle
	r.settle = nil // receipts are allocated together: this one must not keep alive what settle refers to
	if r.source == nil {
		settle(err)
		return
	}
	r.source.Settle(settle, err)
}

func (r *Receipt) Called() bool {
	if r == nil {
		return false
	}
	return r.lot != nil && r.lot.isCalled() || slices.ContainsFunc(r.parts, (*Receipt).Called)
}

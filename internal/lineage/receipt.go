package lineage

import (
	"slices"
	"sync/atomic"
)

// Receipt is what an item owes its source: one word, when everything that was made of
// the item has left the flow. All items that are derived from the item share it; the
// last one that leaves settles it.
type Receipt struct {
	owed   atomic.Int32          // items that carry it
	fault  atomic.Pointer[error] // the first failure
	settle func(error)
	source Settler    // calls settle; nil if r only watches
	parts  []*Receipt // of items that were folded into one, in place of settle
	call   any        // the caller that waits for the item's result, nil if none

	replays    int
	deliveries int
	id         string // of what the source brought, empty if it has none
	seen       atomic.Pointer[seen]
	lot        *Lot        // nil for none
	watches    bool        // it is not a source that waits; see [Inlet.Watch]
	buried     atomic.Bool // something that was made of the item is a dead letter
}

// Settler calls the acknowledgement of a source, which is user code.
type Settler interface {
	Settle(ack func(error), err error)
}

// NewReceipt returns a receipt for n items, of which settle hears once.
func NewReceipt(n int, settle func(error)) *Receipt { return new(Receipt).Owe(n, nil, settle) }

// Owe makes r, which is new, a receipt for n items, of which settle hears once, by source if that
// is not nil.
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

// Replayed returns how often the item had been replayed. An item that was made of
// several has the largest number of them.
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

// Delivered returns how often the item was delivered, 0 if that is not known. An item that was
// made of several has the largest number of them.
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

// Calls calls f for each caller that waits for what the item becomes.
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

// blame notes a failure. It is a function of its own, so that only a failure is allocated.
func (r *Receipt) blame(err error) { r.fault.CompareAndSwap(nil, &err) }

// Close takes one item off the receipt. The last one settles it. There may be no receipt.
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

// WithReplays says how often the item has been replayed.
func (r *Receipt) WithReplays(n int) *Receipt { r.replays = n; return r }

// WithDeliveries says how often the item was delivered.
func (r *Receipt) WithDeliveries(n int) *Receipt { r.deliveries = n; return r }

// WithID says what the source calls the items.
func (r *Receipt) WithID(id string) *Receipt { r.id = id; return r }

// WithLot adds the items to a lot.
func (r *Receipt) WithLot(l *Lot, run *Recall) *Receipt {
	r.lot = l
	l.enter(run)
	return r
}

// Settle settles the receipt. Of a receipt of no items the source does it.
func (r *Receipt) Settle(err error) {
	if r.lot != nil {
		defer r.lot.leave()
	}
	settle := r.settle
	r.settle = nil // receipts are made together: this one must not keep what its source knows
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

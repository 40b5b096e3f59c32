package stages

import (
	"fmt"
	"sync/atomic"
)

// receipt is what an item owes its source: one word, when everything that came
// of the item has left the flow. It travels with the item's trail, is shared by
// all that is derived from it, and is settled by the last of them to leave.
type receipt struct {
	owed   atomic.Int32          // items that carry it
	fault  atomic.Pointer[error] // the first failure
	settle func(error)
	parts  []*receipt // of items that were folded into one, in place of settle
	call   any        // the *call of who waits for the item's result

	replays int         // how often the item had been replayed, this time included
	buried  atomic.Bool // something that came of it was dead-lettered
}

// bury notes that an item is put aside as a dead letter, which is a way to be
// done.
func (r *receipt) bury() {
	if r == nil {
		return
	}
	r.buried.Store(true)
	for _, p := range r.parts {
		p.bury()
	}
}

// replayed returns how often the item had been replayed; of what is made of
// several, the most.
func (r *receipt) replayed() int {
	if r == nil {
		return 0
	}
	most := r.replays
	for _, p := range r.parts {
		most = max(most, p.replayed())
	}
	return most
}

// calls calls f for each call that waits for what the item becomes.
func (r *receipt) calls(f func(any)) {
	if r == nil {
		return
	}
	if r.call != nil {
		f(r.call)
	}
	for _, p := range r.parts {
		p.calls(f)
	}
}

// close takes one item off the receipt.
func (r *receipt) close(err error) {
	if err != nil {
		r.fault.CompareAndSwap(nil, &err)
	}
	if r.owed.Add(-1) > 0 {
		return
	}
	if first := r.fault.Load(); first != nil {
		err = *first
	}
	for _, p := range r.parts {
		p.close(err)
	}
	if r.settle != nil {
		r.settle(err)
	}
}

// fold makes into carry what t owes, too. Neither may be nil. What is made of
// several items is late when the last of them is, and waits for no single
// caller: none of them shall fail for another.
func (t *trail) fold(into *trail) {
	into.limit(later(into.deadline(), t.deadline()))
	into.has &^= hasCaller
	into.recall(t.memory())
	r := t.receipt()
	if r == nil {
		return
	}
	t.owe(nil)
	into.carry(r)
}

// carry makes t owe r beside what it owes already.
func (t *trail) carry(r *receipt) {
	switch have := t.receipt(); {
	case have == nil:
		t.owe(r)
	case have.parts != nil && have.owed.Load() == 1: // t's alone
		have.parts = append(have.parts, r)
	default:
		joint := &receipt{parts: []*receipt{have, r}}
		joint.owed.Store(1)
		t.owe(joint)
	}
}

// EmitAcked brings the values into the flow, in order, together with an
// acknowledgement: settle is called once, when all that has come of them has
// left the flow. Its error is nil when it was delivered, dropped on purpose or
// dead-lettered, and the first failure when any of it failed for good.
//
// It blocks while the edge is full. It returns false, and has taken none and
// will not call settle, only when the flow is aborted. settle is called from
// any goroutine of the flow, which waits for it; a panic of it stops the run.
// The values carry the acknowledgement through all stages. It costs an
// allocation a call, and the stages nothing.
func (out *Outlet[T]) EmitAcked(settle func(error), vs ...T) bool {
	if !openFor(out) {
		return false
	}
	r := &receipt{settle: func(err error) { settleSource(out, settle, err) }}
	if len(vs) == 0 {
		r.settle(nil)
		return true
	}
	r.owed.Store(int32(len(vs)))
	now := out.rt.stamp()
	for _, v := range vs {
		t := keepTrail(out, now)
		t.owe(r)
		countIn(out, 1)
		put(out.edge, Item[T]{Value: v, trail: t})
	}
	return true
}

// settleSource calls the source's function, whose panic is a fault of the source.
func settleSource[T any](out *Outlet[T], settle func(error), err error) {
	_, broken := protect(out.node, func() (struct{}, error) { settle(err); return struct{}{}, nil })
	if broken != nil {
		out.rt.fail(fmt.Errorf("stage %q: acknowledgement: %w", out.node.name, broken))
	}
}

// keepTrail returns a trail for an item that needs one also in an untimed run.
func keepTrail[T any](out *Outlet[T], now int64) *trail {
	out.mu.Lock()
	defer out.mu.Unlock()
	out.mint.depot = out.rt.depot
	return out.mint.trail(now)
}

// share makes t, which continues an item, continue other as well: it owes and
// remembers what both do, and must be done when the first of them must be. Where
// each has a caller it waits for neither, as with fold.
func (t *trail) share(other *trail) {
	t.limit(sooner(t.deadline(), other.deadline()))
	t.recall(other.memory())
	r := other.receipt()
	if r == nil {
		return
	}
	if other.has&hasCaller != 0 && r != t.receipt() { // not two branches of one call
		t.has &^= hasCaller
	}
	r.owed.Add(1)
	t.carry(r)
}

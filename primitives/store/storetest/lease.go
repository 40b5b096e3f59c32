package storetest

import (
	"errors"
	"sync/atomic"

	"github.com/weir-go/weir/primitives/store"
)

const leaseKey = "lease"

func (tr *trial) acquire(node int, owner string, units float64) *store.Lease {
	tr.Helper()
	l, err := store.Acquire(tr.ctx, tr.at(node), leaseKey, owner, tr.units(units))
	tr.need(err == nil, "Acquire by %q: %v", owner, err)
	return l
}

// held fails unless the lease is refused because the given owner has it.
func (tr *trial) held(node int, by string) {
	tr.Helper()
	_, err := store.Acquire(tr.ctx, tr.at(node), leaseKey, "nosy", tr.unit)
	h, ok := errors.AsType[*store.HeldError](err)
	tr.need(ok, "Acquire of a lease that is held returned %v, want a HeldError", err)
	tr.need(h.Owner == by, "the lease is held by %q, want %q", h.Owner, by)
	tr.need(h.Left > 0, "the lease is held for another %v", h.Left)
}

func leaseExclusive(tr *trial) {
	var wins atomic.Int64
	tr.all(func(i int) {
		_, err := store.Acquire(tr.ctx, tr.at(i), leaseKey, "one of many", 100*tr.unit)
		switch {
		case err == nil:
			wins.Add(1)
		case !errors.Is(err, store.ErrHeld):
			tr.Errorf("the loser of a race for a lease got %v, want ErrHeld", err)
		}
	})
	tr.need(wins.Load() == 1, "%d of %d have the lease, want 1", wins.Load(), crowd)
	tr.held(1, "one of many")
}

func leaseReleased(tr *trial) {
	l := tr.acquire(0, "first", 100)
	tr.held(1, "first")
	tr.need(l.Release(tr.ctx) == nil, "Release failed")
	tr.need(l.Left() == 0, "a released lease has %v left", l.Left())
	second := tr.acquire(1, "second", 100)
	tr.need(second.Revision() > l.Revision(), "the lease's revision %d comes after %d", second.Revision(), l.Revision())
}

func leaseExpires(tr *trial) {
	l := tr.acquire(0, "crashed", 2)
	tr.sleep(1)
	tr.held(1, "crashed")
	tr.sleep(2)
	tr.need(l.Left() == 0, "an expired lease has %v left", l.Left())
	tr.acquire(1, "heir", 100)
}

func leaseRenewed(tr *trial) {
	l := tr.acquire(0, "first", 2)
	for range 3 {
		tr.sleep(1)
		err := l.Renew(tr.ctx)
		tr.need(err == nil, "Renew: %v", err)
	}
	tr.held(1, "first")
	tr.sleep(3)
	tr.acquire(1, "second", 100)
}

func leaseStale(tr *trial) {
	stale := tr.acquire(0, "stale", 1)
	tr.sleep(2)
	late := tr.acquire(1, "new", 100)
	tr.held(0, "new")
	err := stale.Renew(tr.ctx)
	tr.need(errors.Is(err, store.ErrLost), "Renew of a lost lease returned %v, want ErrLost", err)
	err = stale.Release(tr.ctx)
	tr.need(errors.Is(err, store.ErrLost), "Release of a lost lease returned %v, want ErrLost", err)
	tr.held(0, "new")
	tr.need(late.Renew(tr.ctx) == nil, "the new owner cannot renew")
}

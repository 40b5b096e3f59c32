package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// Wiped adds the checks of a store that loses its data: by a flush, a restart
// without a disk, or a failover to an empty replica. wipe empties the store that the
// factory made last, and returns when it is empty. Without this option these checks
// are skipped.
func Wiped(wipe func()) Option { return func(s *settings) { s.wipe = wipe } }

// wiped empties the store, or skips the check if the test did not say how.
func (tr *trial) wiped() {
	tr.Helper()
	if tr.wipe == nil {
		tr.Skip("there is no Wiped option")
	}
	tr.sleep(1)
	tr.wipe()
	tr.sleep(1)
}

func revisionsAfterWipe(tr *trial) {
	last := uint64(0)
	for i := range 20 {
		last = tr.set(i, "k", last, fmt.Sprint(i))
	}
	tr.wiped()
	tr.holds("k", 0, "")
	tr.need(len(tr.list(1, "")) == 0, "List tells an entry of a store that was wiped")
	tr.conflict(0, "k", last)
	next := tr.set(1, "k", 0, "new")
	tr.need(next > last, "revision %d comes after %d, which the store used before it was wiped", next, last)
	tr.conflict(0, "k", last)
	tr.holds("k", next, "new")
	age := tr.load(0, "k").Age
	tr.need(age >= 0 && age < tr.unit, "the age is %v after a new write", age)
}

// leaseAfterWipe fails if a revision is used twice: the first owner then renews the
// lease of the second.
func leaseAfterWipe(tr *trial) {
	lost := tr.acquire(0, "before", 100)
	tr.wiped()
	tr.acquire(1, "after", 100)
	err := lost.Renew(tr.ctx)
	tr.need(errors.Is(err, store.ErrLost), "Renew of a lease that was wiped returned %v, want ErrLost", err)
	tr.held(0, "after")
}

func watchAfterWipe(tr *trial) {
	tr.set(0, "f/k", 0, "before")
	s := tr.watch(0, "f/")
	defer s.cancel()
	tr.wiped()
	revision := tr.set(1, "f/k", 0, "after")
	select {
	case e, ok := <-s.events:
		tr.need(ok || s.err != nil, "the stream of a store that was wiped ends without an error")
		tr.need(!ok || e.Lost || e.Entry.Revision == revision, "the stream tells %+v after the store was wiped", e)
	case <-time.After(10*time.Second + 10*tr.unit):
		tr.need(false, "the stream of a store that was wiped says nothing")
	}
}

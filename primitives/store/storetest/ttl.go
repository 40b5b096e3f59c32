package storetest

import (
	"errors"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

func mandatory(tr *trial) {
	for _, ttl := range []time.Duration{0, -1, -time.Hour} {
		_, err := tr.at(0).CompareAndSet(tr.ctx, "k", 0, []byte("v"), ttl)
		tr.need(errors.Is(err, store.ErrTTL), "CompareAndSet with ttl %v returned %v, want ErrTTL", ttl, err)
	}
	tr.holds("k", 0, "")
	tr.setFor(0, "k", 0, "for ever", 1<<63-1)
	tr.need(tr.load(0, "k").Revision != 0, "an entry with the longest ttl is gone at once")
}

func expires(tr *trial) {
	revision := tr.setFor(0, "k", 0, "v", 2*tr.unit)
	tr.sleep(1)
	tr.holds("k", revision, "v")
	tr.sleep(2)
	tr.holds("k", 0, "")
	tr.need(len(tr.list(1, "")) == 0, "List tells an entry whose ttl is over")
	tr.conflict(0, "k", revision)
	tr.holds("k", tr.set(1, "k", 0, "new"), "new")
}

// renewed fails if the ttl belongs to the creation and not to the value: then the entry
// goes too early, or never.
func renewed(tr *trial) {
	first := tr.setFor(0, "k", 0, "one", 2*tr.unit)
	tr.sleep(1)
	second := tr.setFor(0, "k", first, "two", 3*tr.unit)
	tr.sleep(2)
	tr.holds("k", second, "two")
	tr.sleep(2)
	tr.holds("k", 0, "")
}

func revisionsAfterExpiry(tr *trial) {
	seen := uint64(0)
	for range 3 {
		revision := tr.setFor(0, "k", 0, "v", tr.unit)
		tr.need(revision > seen, "revision %d comes after %d, which has expired", revision, seen)
		tr.sleep(2)
		seen = revision
	}
	last := tr.set(0, "k", 0, "v")
	tr.need(last > seen, "revision %d comes after %d, which has expired", last, seen)
	tr.conflict(1, "k", seen)
}

// ages are compared with the time that has passed here, to within half a unit.
func ages(tr *trial) {
	start := time.Now()
	revision := tr.set(0, "k", 0, "v")
	written := time.Now()
	tr.sleep(2)
	least := time.Since(written)
	e, l := tr.load(1, "k"), tr.list(1, "")["k"]
	most := time.Since(start)
	for _, age := range []time.Duration{e.Age, l.Age} {
		tr.need(age >= least-tr.unit/2 && age <= most+tr.unit/2, "the age is %v, want %v to %v", age, least, most)
	}
	tr.set(0, "k", revision, "w")
	age := tr.load(1, "k").Age
	tr.need(age >= 0 && age < tr.unit, "the age is %v after a new write", age)
}

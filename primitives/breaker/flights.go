package breaker

import "time"

// flights are the running calls, in the order of their beginning. They exist if there is a Hung
// rule.
//
// Guarded by: Breaker.mu.
//
// They are kept one by one, in a slab that is linked by index. Counts by bucket would need no
// memory for each call. But they would not tell exactly when a call has been running for too long.
// The slab is as large as the largest number of simultaneous calls. Lost tokens leave it with the
// generation.
type flights struct {
	slab        []flight
	free        int32 // the first of the unused, linked by next
	first, last int32 // the oldest and the newest
	young       int32 // the oldest that is not late yet
	late        int   // how many flights are late
}

// flight is one call. Links are indexes plus one, so that 0 is none.
type flight struct {
	begun      time.Duration
	prev, next int32
	serial     uint32 // tells a token whether the slot is still its own
	used, late bool
}

func (f *flights) at(i int32) *flight { return &f.slab[i-1] }

// depart adds a call that begins now, and returns its mark, which is not 0.
func (f *flights) depart(now time.Duration) uint64 {
	i := f.free
	if i != 0 {
		f.free = f.at(i).next
	} else {
		f.slab = append(f.slab, flight{})
		i = int32(len(f.slab))
	}
	c := f.at(i)
	*c = flight{begun: now, prev: f.last, serial: c.serial + 1, used: true}
	if f.last != 0 {
		f.at(f.last).next = i
	} else {
		f.first = i
	}
	f.last = i
	if f.young == 0 {
		f.young = i
	}
	return uint64(c.serial)<<32 | uint64(uint32(i))
}

// arrive takes a call out, and returns when it began. It reports false for a mark that was
// taken out before.
func (f *flights) arrive(mark uint64) (begun time.Duration, ok bool) {
	i := int32(uint32(mark))
	if i < 1 || int(i) > len(f.slab) {
		return 0, false
	}
	c := f.at(i)
	if !c.used || c.serial != uint32(mark>>32) {
		return 0, false
	}
	if c.late {
		f.late--
	}
	f.unlink(i)
	begun = c.begun
	*c = flight{next: f.free, serial: c.serial}
	f.free = i
	return begun, true
}

func (f *flights) unlink(i int32) {
	c := f.at(i)
	if f.young == i {
		f.young = c.next
	}
	if c.prev != 0 {
		f.at(c.prev).next = c.next
	} else {
		f.first = c.next
	}
	if c.next != 0 {
		f.at(c.next).prev = c.prev
	} else {
		f.last = c.prev
	}
}

// overdue returns how many flights began at the given time or before. The time must not go
// back from one call to the next, so each flight is passed once.
func (f *flights) overdue(begun time.Duration) int {
	for f.young != 0 && f.at(f.young).begun <= begun {
		c := f.at(f.young)
		c.late = true
		f.late++
		f.young = c.next
	}
	return f.late
}

// clear forgets all calls. Their marks are given out again: the tokens that carry them are
// of an earlier generation, and arrive is not asked about those.
func (f *flights) clear() {
	if len(f.slab) > 0 {
		*f = flights{slab: f.slab[:0]}
	}
}

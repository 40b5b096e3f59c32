package guard

import "time"

// slots is the table of the permits that are given behind the lock: those of
// weighted calls, of the units beyond the cells, and of guards that measure. It
// makes their release idempotent: a permit names its slot and the ticket it got,
// and releases only while the slot still holds that ticket. Tickets are numbered
// from 1 over the life of the guard, and 64 bits do not run out.
//
// The table grows to the greatest depth seen, so that a capacity of a billion
// costs nothing until it is used. It never shrinks; a permit's slot stays a
// valid index for good.
type slots struct {
	all  []slot
	free int // index + 1 of the top of the free list, 0 when it is empty
}

type slot struct {
	ticket uint64 // 0 while nobody holds a permit for the slot
	weight int
	since  time.Duration // when it was taken, where the guard measures
	next   int           // the free list
}

// take puts s into the slot freed last, whose memory is the likeliest to be at
// hand, and returns its number.
func (t *slots) take(s slot) int {
	if t.free == 0 {
		t.all = append(t.all, s)
		return len(t.all) - 1
	}
	i := t.free - 1
	t.free = t.all[i].next
	t.all[i] = s
	return i
}

// put empties slot i if it holds the ticket, and returns what was in it.
func (t *slots) put(i int, ticket uint64) (slot, bool) {
	s := t.all[i]
	if s.ticket != ticket {
		return slot{}, false
	}
	t.all[i] = slot{next: t.free}
	t.free = i + 1
	return s, true
}

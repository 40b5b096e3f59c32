package guard

import "time"

// slots is the table of the permits that are given behind the lock: for weighted calls,
// for units beyond the cells, and by guards that measure. It makes their release
// idempotent. A permit names its slot and its ticket, and releases only while the slot
// holds that ticket. Tickets are numbered from 1 over the life of the guard. They have
// 64 bits, which is enough forever.
//
// The table grows to the greatest depth seen, so a capacity of a billion costs nothing
// until it is used. It never shrinks, so the slot of a permit is always a valid index.
type slots struct {
	all  []slot
	free int // index + 1 of the top of the free list; 0: it is empty
}

type slot struct {
	ticket uint64 // 0: the slot has no permit
	weight int
	since  time.Duration // when it was taken, if the guard measures
	next   int           // in the free list
}

// take puts s into the slot that was freed last, and returns its number. The memory of
// that slot is the likeliest to be in the cache.
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

// put empties slot i if it holds the ticket, and returns what it held.
func (t *slots) put(i int, ticket uint64) (slot, bool) {
	s := t.all[i]
	if s.ticket != ticket {
		return slot{}, false
	}
	t.all[i] = slot{next: t.free}
	t.free = i + 1
	return s, true
}

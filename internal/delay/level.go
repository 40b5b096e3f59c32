package delay

import "math/bits"

const (
	digit  = 6 // bits
	slots  = 1 << digit
	levels = 63/digit + 1
)

// level is what differs from the cursor in the same digit, each slot in the order
// it came. It is made when it is first needed.
type level[V any] struct {
	used       uint64 // slots that hold something, a bit each
	head, tail [slots]*chunk[V]
	from, end  [slots]uint8 // in head and in tail
	earliest   [slots]int64
}

// first returns the slot of the earliest entry. There must be one.
func (q *Queue[V]) first() (*level[V], int) {
	l := q.levels[bits.TrailingZeros(q.used)]
	return l, bits.TrailingZeros64(l.used)
}

// place puts an entry, which is not before the cursor, to the end of its slot.
func (q *Queue[V]) place(e entry[V]) {
	n := (bits.Len64(uint64(e.at^q.cursor)|1) - 1) / digit
	slot := e.at >> (n * digit) & (slots - 1)
	l := q.levels[n]
	if l == nil {
		l = new(level[V])
		q.levels[n] = l
	}
	c, end := l.tail[slot], l.end[slot]
	switch {
	case c == nil:
		c = q.chunk()
		l.head[slot], l.from[slot], l.earliest[slot] = c, 0, e.at
		l.used |= 1 << slot
		q.used |= 1 << n
		l.tail[slot], end = c, 0
	case end == chunkSize:
		c.next = q.chunk()
		c = c.next
		l.tail[slot], end = c, 0
	}
	c.entries[end] = e
	l.end[slot] = end + 1
	l.earliest[slot] = min(l.earliest[slot], e.at)
}

// single reports whether a slot that is in use holds one entry.
func (l *level[V]) single(slot int) bool {
	return l.head[slot] == l.tail[slot] && l.end[slot]-l.from[slot] == 1
}

// shift takes the first entry out of a slot.
func (q *Queue[V]) shift(l *level[V], slot int) entry[V] {
	c, from := l.head[slot], l.from[slot]
	e := c.entries[from]
	c.entries[from] = entry[V]{} // for the garbage collector
	from++
	switch {
	case c == l.tail[slot] && from == l.end[slot]:
		q.vacate(l, slot)
		q.drop(c)
	case from == chunkSize:
		l.head[slot], l.from[slot] = c.next, 0
		q.drop(c)
	default:
		l.from[slot] = from
	}
	return e
}

// scatter makes the beginning of a slot on the lowest level in use, which must
// not be level 0, the cursor, and moves what is in it to lower levels.
func (q *Queue[V]) scatter(l *level[V], slot int) {
	n := bits.TrailingZeros(q.used)
	c, tail, from, end := l.head[slot], l.tail[slot], l.from[slot], l.end[slot]
	q.vacate(l, slot)
	q.cursor = c.entries[from].at &^ (1<<(n*digit) - 1)
	for {
		next, last := c.next, c == tail
		entries := c.entries[from:]
		if last {
			entries = c.entries[from:end]
		}
		for _, e := range entries {
			q.place(e)
		}
		clear(entries)
		q.drop(c)
		if last {
			return
		}
		c, from = next, 0
	}
}

// vacate marks a slot on the lowest level in use as empty.
func (q *Queue[V]) vacate(l *level[V], slot int) {
	l.head[slot], l.tail[slot] = nil, nil
	if l.used &^= 1 << slot; l.used == 0 {
		q.used &= q.used - 1
	}
}

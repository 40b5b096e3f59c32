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
	c := l.tail[slot]
	switch {
	case c == nil:
		c = q.chunk()
		l.head[slot], l.tail[slot], l.earliest[slot] = c, c, e.at
		l.used |= 1 << slot
		q.used |= 1 << n
	case c.end == chunkSize:
		c.next = q.chunk()
		c = c.next
		l.tail[slot] = c
	}
	c.entries[c.end] = e
	c.end++
	l.earliest[slot] = min(l.earliest[slot], e.at)
}

// shift takes the first entry out of a slot.
func (q *Queue[V]) shift(l *level[V], slot int) entry[V] {
	c := l.head[slot]
	e := c.entries[c.from]
	c.entries[c.from] = entry[V]{} // for the garbage collector
	if c.from++; c.from < c.end {
		return e
	}
	if l.head[slot] = c.next; c.next == nil {
		q.vacate(l, slot)
	}
	q.drop(c)
	return e
}

// scatter makes the beginning of a slot on the lowest level in use, which must
// not be level 0, the cursor, and moves what is in it to lower levels.
func (q *Queue[V]) scatter(l *level[V], slot int) {
	n := bits.TrailingZeros(q.used)
	c := l.head[slot]
	q.vacate(l, slot)
	q.cursor = c.entries[c.from].at &^ (1<<(n*digit) - 1)
	for c != nil {
		for _, e := range c.entries[c.from:c.end] {
			q.place(e)
		}
		clear(c.entries[c.from:c.end])
		next := c.next
		q.drop(c)
		c = next
	}
}

// vacate marks a slot on the lowest level in use as empty.
func (q *Queue[V]) vacate(l *level[V], slot int) {
	l.head[slot], l.tail[slot] = nil, nil
	if l.used &^= 1 << slot; l.used == 0 {
		q.used &= q.used - 1
	}
}

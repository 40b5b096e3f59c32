package byhand

import (
	"iter"
	"time"
)

// side is what a join keeps of one source: items in the order of their arrival,
// which are numbered, and chained by key.
type side struct {
	most   int
	newest map[int]int // by key: the number of its newest item
	items  []kept      // from the first on; those before it have left
	first  int
	base   int // the number of the item at index 0
}

// kept is an item that may still find a mate.
type kept struct {
	value  int
	came   time.Time
	before int // the number of the item of the same key that came before it; -1: none
}

func newSide(most int) side { return side{most: most, newest: map[int]int{}} }

// keep adds an item. If there are too many the oldest leaves.
func (s *side) keep(v int, now time.Time) {
	if len(s.items)-s.first == s.most {
		s.drop()
	}
	before, ok := s.newest[v]
	if !ok {
		before = -1
	}
	s.newest[v] = s.base + len(s.items)
	s.items = append(s.items, kept{v, now, before})
}

// expire drops what came at or before then.
func (s *side) expire(then time.Time) {
	for s.first < len(s.items) && !s.items[s.first].came.After(then) {
		s.drop()
	}
}

// drop drops the oldest item, and moves the others to the front if they are
// fewer than half.
func (s *side) drop() {
	if v := s.items[s.first].value; s.newest[v] == s.base+s.first {
		delete(s.newest, v)
	}
	s.first++
	if s.first > chunk && 2*s.first > len(s.items) {
		s.items = s.items[:copy(s.items, s.items[s.first:])]
		s.base += s.first
		s.first = 0
	}
}

// mates yields the items with a key, the newest first.
func (s *side) mates(key int) iter.Seq[int] {
	return func(yield func(int) bool) {
		at, ok := s.newest[key]
		for ok && at >= s.base+s.first {
			k := s.items[at-s.base]
			if !yield(k.value) {
				return
			}
			at = k.before
		}
	}
}

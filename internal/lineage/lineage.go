package lineage

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// SlabSize is the number of items that share a slab: a uint64 mask has a bit for each.
const SlabSize = 64

// Trail is the lineage of an item: a place in a slab. It never changes.
type Trail struct {
	slab  *Slab
	place uint8
}

// Slab holds the lineage of up to 64 items that entered the flow one after another. A record has
// the time that a stage spent on a group of them: which items, when the first one began, and how
// long each took. Items that come alone have a record each.
//
// When all of its items have left the flow, the slab goes back to the pool.
type Slab struct {
	live   atomic.Int32 // items in the flow, or not handed out yet
	has    atomic.Uint64
	pool   *Pool
	trails [SlabSize]Trail
	born   [SlabSize]int64

	extras atomic.Pointer[[SlabSize]extras] // of the items in has

	mu      sync.Mutex // Guarded by: mu, taken once a group
	records []Record
	forks   []Fork // of items that were derived from others, in the order of their places
}

// Record is the time that one stage spent on items of a slab.
type Record struct {
	Mask           uint64 // which items
	Begin, Each    int64
	Node, Attempts int32
	Together       bool // all began at Begin; otherwise one after another
	Open           bool // if the next record of an item is open and of the same node, it replaces this one
}

// Fork is the past of the items from place first on, up to the next fork. They were derived from
// From, and share the first seen records of its slab. If From is nil, the items were not derived. A
// slab keeps the slabs of its forks in use.
type Fork struct {
	From  *Trail
	seen  int
	first int
}

func (s *Slab) Record(r Record) {
	s.mu.Lock()
	s.records = append(s.records, r)
	s.mu.Unlock()
}

// Record books one item.
func (t *Trail) Record(node, attempts int32, begin, work int64) {
	t.slab.Record(Record{Mask: 1 << t.place, Begin: begin, Each: work, Node: node, Attempts: attempts})
}

func (t *Trail) Born() int64 { return t.slab.born[t.place] }

// beginOf returns when the item in bit began.
func (r *Record) beginOf(bit uint64) int64 {
	if r.Together {
		return r.Begin
	}
	return r.Begin + r.Each*int64(bits.OnesCount64(r.Mask&(bit-1)))
}

// Timings appends the time that each stage spent on the item so far. The stages must have made
// their records before the item came to the caller.
func (t *Trail) Timings(to []Timing) []Timing {
	left := t.Born()
	if p := t.before(); p != nil {
		to = append(to, p.Timings...)
	}
	to, _ = t.history(to, -1, left)
	return to
}

// history appends the first seen records of the item's slab, or all of them if seen is negative.
// left is the time at which the item left the stage before.
func (t *Trail) history(to []Timing, seen int, left int64) ([]Timing, int64) {
	s, bit := t.slab, uint64(1)<<t.place
	if f := t.fork(); f.From != nil {
		to, left = f.From.history(to, f.seen, left)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records := s.records
	if seen >= 0 {
		records = records[:seen]
	}
	for i := range records {
		r := &records[i]
		if r.Mask&bit == 0 {
			continue
		}
		if r.Open && r.outdated(records[i+1:], bit) {
			continue
		}
		begin := r.beginOf(bit)
		to = append(to, Timing{
			Stage: s.pool.names[r.Node], Wait: time.Duration(max(begin-left, 0)),
			Work: time.Duration(r.Each), Attempts: int(r.Attempts),
		})
		left = begin + r.Each
	}
	return to, left
}

// fork returns the past of the item.
func (t *Trail) fork() (f Fork) {
	t.slab.mu.Lock()
	defer t.slab.mu.Unlock()
	for _, next := range t.slab.forks {
		if next.first > int(t.place) {
			break
		}
		f = next
	}
	return f
}

// outdated reports whether the item in bit has a later record that replaces the open record r.
func (r *Record) outdated(behind []Record, bit uint64) bool {
	for i := range behind {
		if next := &behind[i]; next.Mask&bit != 0 {
			return next.Open && next.Node == r.Node
		}
	}
	return false
}

// part returns the slab of the first trail, and which of the first trails are also in it: n of
// them, in mask.
func part(trails []*Trail) (s *Slab, n int, mask uint64) {
	first, k := trails[0], len(trails)
	s = first.slab
	if last := trails[k-1]; last != nil && last.slab == s && int(last.place)-int(first.place) == k-1 && straight(trails) {
		return s, k, ^uint64(0) >> (SlabSize - k) << first.place
	}
	for n < k && trails[n] != nil && trails[n].slab == s && mask>>trails[n].place == 0 {
		mask |= 1 << trails[n].place
		n++
	}
	return s, n, mask
}

// straight reports whether the trails are neighbours in their slab, in order.
func straight(trails []*Trail) bool {
	first := trails[0]
	all := first.slab.trails[first.place:]
	for i, t := range trails {
		if t != &all[i] {
			return false
		}
	}
	return true
}

// RecordGroup books a group of items. Each took r.Each nanoseconds, one after another from r.Begin
// on, or all together. Items without a trail also take time.
func RecordGroup(trails []*Trail, r Record) {
	for len(trails) > 0 {
		n := 1
		if trails[0] != nil {
			var s *Slab
			s, n, r.Mask = part(trails)
			s.Record(r)
		}
		trails = trails[n:]
		if !r.Together {
			r.Begin += int64(n) * r.Each
		}
	}
}

// Release ends the lineage of items that have left the flow, with err if they have failed.
func Release(trails []*Trail, err error) {
	for len(trails) > 0 {
		if trails[0] == nil {
			trails = trails[1:]
			continue
		}
		s, n, mask := part(trails)
		for owed := s.has.Load() & mask; owed != 0; owed &= owed - 1 {
			s.forget(bits.TrailingZeros64(owed), err)
		}
		s.drop(int32(n))
		trails = trails[n:]
	}
}

// Leave is Release for one item. The trail may be nil.
func (t *Trail) Leave(err error) {
	if t == nil {
		return
	}
	if t.slab.has.Load()&(1<<t.place) != 0 {
		t.slab.forget(int(t.place), err)
	}
	t.slab.drop(1)
}

// drop counts n items of the slab as gone. The last one returns the slab to the pool.
func (s *Slab) drop(n int32) {
	if s.live.Add(-n) != 0 {
		return
	}
	for _, f := range s.forks {
		if f.From != nil {
			f.From.slab.drop(1)
		}
	}
	s.forks = s.forks[:0]
	s.records = s.records[:0]
	s.pool.put(s)
}

func (s *Slab) fork(f Fork) {
	s.mu.Lock()
	s.forks = append(s.forks, f)
	s.mu.Unlock()
}

// resemble shares the extras of parent, if it has any.
func (t *Trail) resemble(parent *Trail) {
	if parent.slab.has.Load()&(1<<parent.place) != 0 {
		t.Inherit(parent)
	}
}

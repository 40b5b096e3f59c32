package operator

import (
	"math"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// mates is a running Join, without the types of its items.
type mates struct {
	left, right side
	d           int64
	out         *kernel.Outlet
	rt          *kernel.Run

	// These functions know the types.
	join func(x, y int) error    // joins the values at places of both rings
	send func(pair *kernel.Meta) // sends the result of join

	lists   [][2]list                // of both sides, by the number of the key
	numbers [handoff.BatchSize]int32 // keys of the places at hand
	next    int                      // the first place at hand that is not done
	made    kernel.Meta              // of the current pair
	idle    []int32                  // keys that may have no items
	listed  []bool                   // whether a key is in idle, by number
}

// side holds the items of one inlet: a ring in the order in which they came.
type side struct {
	in         *kernel.Inlet
	keys       typed.Keys
	which      int // of the lists of a key
	values     handoff.Column
	ring       []mate // its length is a power of 2
	head, tail uint64 // numbers of the first item and of the next one to come
}

// mate is an item that waits for others of its key, without its value.
type mate struct {
	meta   kernel.Meta
	came   int64
	next   uint64 // number of the next item of the same key
	key    int32
	paired bool
}

// list is the items of one key on one side: the numbers of the first and of the last.
type list struct{ first, last uint64 }

// noMate ends a list.
const noMate = math.MaxUint64

var noList = list{noMate, noMate}

// work joins items until both streams have ended.
func (j *mates) work() {
	timer, armed := time.NewTimer(time.Hour), false
	timer.Stop()
	defer func() {
		timer.Stop()
		j.expire(math.MaxInt64)
	}()
	for {
		first, woken := kernel.Either(j.left.in, j.right.in, timer.C)
		if first == nil && !woken {
			return
		}
		armed = armed && !woken
		now := j.rt.Now()
		j.expire(now - j.d)
		if first == j.left.in {
			j.take(&j.left, &j.right, now)
		} else if first == j.right.in {
			j.take(&j.right, &j.left, now)
		}
		if oldest := min(j.left.oldest(), j.right.oldest()); oldest < kernel.Never && !armed { // all other items leave later
			armed = true
			timer.Reset(time.Duration(kernel.Plus(oldest, time.Duration(j.d)) - j.rt.Now()))
		}
	}
}

// take pairs the items at hand, which came at now.
func (j *mates) take(s, other *side, now int64) {
	if _, ok := s.in.AtHand(); !ok {
		return
	}
	j.tidy()
	from, to := s.in.Neighbours(handoff.BatchSize)
	j.next = from
	defer func() { // items are left if join has ended the goroutine
		for ; j.next < to; j.next++ {
			s.in.FailAt(j.next, j.rt.AbortError(), 0)
		}
	}()
	for from < to {
		from = s.in.Visit(from, to, func(i int) (err error) {
			j.numbers[i], err = s.keys.Of(s.in.B, i)
			return err
		}, func(i int, err error, attempts int) {
			j.pairAll(s, other, i, now)
			j.next = i + 1
			s.in.FailAt(i, err, attempts)
		})
		j.pairAll(s, other, from, now)
	}
}

// pairAll holds the next items up to place to, whose keys are known, and sends their pairs.
func (j *mates) pairAll(s, other *side, to int, now int64) {
	for j.next < to {
		m := j.hold(s, j.next, now)
		j.next++
		for n := j.lists[s.ring[m].key][other.which].first; n != noMate; {
			partner := other.at(n)
			n = other.ring[partner].next
			if s == &j.left {
				j.pair(m, partner)
			} else {
				j.pair(partner, m)
			}
		}
	}
}

// hold stores the item at place i. If the ring is full it drops the oldest item. It returns the
// item's place in the ring.
func (j *mates) hold(s *side, i int, now int64) int {
	if s.tail-s.head == MaxJoin {
		j.drop(s)
	}
	if s.tail-s.head == uint64(len(s.ring)) {
		s.grow()
	}
	key := j.numbers[i]
	l := &j.of(key)[s.which]
	if l.first == noMate {
		l.first = s.tail
	} else {
		s.ring[s.at(l.last)].next = s.tail
	}
	l.last = s.tail
	at := s.at(s.tail)
	s.ring[at] = mate{meta: s.in.MetaAt(i), came: now, next: noMate, key: key}
	s.in.B.Vals.CopyTo(s.values, at, i, i+1)
	s.tail++
	return at
}

// of returns the lists of a key.
func (j *mates) of(key int32) *[2]list {
	for int(key) >= len(j.lists) {
		j.lists = append(j.lists, [2]list{noList, noList})
		j.listed = append(j.listed, false)
	}
	return &j.lists[key]
}

// pair sends the pair of the items at places x of the left ring and y of the right one. If join
// fails, the pair fails with the value of x.
func (j *mates) pair(x, y int) {
	in := j.left.in
	a, b := &j.left.ring[x], &j.right.ring[y]
	a.paired, b.paired = true, true
	j.made = j.out.Derive(&a.meta)
	j.out.Join(&j.made, &b.meta)
	if j.rt.Aborted() {
		in.Refuse(j.made, j.left.values.Value(x), j.rt.AbortError())
		return
	}
	err := stages.ErrGoexit // unless join returns
	defer func() {
		if err != nil {
			in.Fail(j.made, j.left.values.Value(x), err)
		}
	}()
	if err = in.Node().Protect(func() error { return j.join(x, y) }); err == nil {
		j.send(&j.made)
	}
}

// expire drops the items that came at or before then.
func (j *mates) expire(then int64) {
	for j.left.oldest() <= then && j.left.head < j.left.tail {
		j.drop(&j.left)
	}
	for j.right.oldest() <= then && j.right.head < j.right.tail {
		j.drop(&j.right)
	}
}

// drop drops the oldest item of a side.
func (j *mates) drop(s *side) {
	at := s.at(s.head)
	m := &s.ring[at]
	lists := &j.lists[m.key]
	if l := &lists[s.which]; m.next == noMate {
		*l = noList
	} else {
		l.first = m.next
	}
	if lists[0].first == noMate && lists[1].first == noMate && !j.listed[m.key] {
		j.listed[m.key] = true
		j.idle = append(j.idle, m.key)
	}
	if m.paired {
		s.in.Folded(m.meta)
	} else {
		s.in.Drop(m.meta)
	}
	*m = mate{}
	s.values.Clear(at, at+1)
	s.head++
}

// tidy forgets the keys without items.
func (j *mates) tidy() {
	for _, key := range j.idle {
		j.listed[key] = false
		if l := &j.lists[key]; l[0].first == noMate && l[1].first == noMate {
			j.left.keys.Forget(key)
		}
	}
	j.idle = j.idle[:0]
}

// at returns the place of the item with a number in the ring.
func (s *side) at(number uint64) int { return int(number & uint64(len(s.ring)-1)) }

// oldest returns when the oldest item came, [kernel.Never] if there is none.
func (s *side) oldest() int64 {
	if s.head == s.tail {
		return kernel.Never
	}
	return s.ring[s.at(s.head)].came
}

// grow doubles the ring, which is full.
func (s *side) grow() {
	n := len(s.ring)
	ring, values := make([]mate, max(16, 2*n)), s.in.Columns().Make(max(16, 2*n))
	if n > 0 {
		// The items are in two parts; the second one is wrapped around. Each part stays in place or
		// moves by n.
		at, first := s.at(s.head), int(s.head&uint64(2*n-1))
		copy(ring[first:], s.ring[at:])
		s.values.CopyTo(values, first, at, n)
		second := (first + n - at) & (2*n - 1)
		copy(ring[second:], s.ring[:at])
		s.values.CopyTo(values, second, 0, at)
	}
	s.ring, s.values = ring, values
}

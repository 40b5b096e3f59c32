package dedup

import (
	"math"
	"sync"
	"time"
)

// shard holds the keys of one part of the hashes. All its fields are guarded by
// mu, which is held for tens of nanoseconds, never while user code runs.
type shard[K comparable, V any] struct {
	mu    sync.Mutex
	index table
	// slots is a slab: everything refers to a slot by its number, so that links
	// cost 4 bytes and the garbage collector does not follow them. Slot 0 is
	// the hinge of a ring of the results in the order in which they were kept;
	// its next is the oldest. Free slots are chained by next.
	slots []slot[K, V]
	free  uint32

	flights    []flight[V] // a slab as well; 0 is not used
	freeFlight uint32
	gen        uint64
	spare      [][]Follower[V]

	id    uint32
	limit int // most results kept; 0 for no limit
	ttl   time.Duration
	mixed bool   // results with another ttl are kept, so the ring is not in the order of expiry
	hand  uint32 // the next slot to look at where mixed

	kept, flying         int
	hits, misses, shared uint64
	completed, failed    uint64
	evicted, expired     uint64
	_                    [64]byte // keeps neighbours out of each other's cache lines
}

// slot is a key that is in flight or has a result. What a hit reads comes first,
// to be in one cache line with small keys and values.
type slot[K comparable, V any] struct {
	key        K
	value      V
	expires    int64  // the result is gone from this time on
	flight     uint32 // the flight of the key; 0 where a result is kept, unused where neither
	tag        uint32
	prev, next uint32
	since      int64 // when the result was kept
}

// unused marks the slots that are free. There are never so many flights.
const unused = math.MaxUint32

func (s *shard[K, V]) init(id uint32, limit int, ttl time.Duration, gen uint64) {
	s.id, s.limit, s.ttl, s.gen = id, limit, ttl, gen
	s.slots = make([]slot[K, V], 1)
	s.flights = make([]flight[V], 1)
	s.index.reset(0)
}

// find returns the slot of key, 0 where there is none.
func (s *shard[K, V]) find(tag uint32, key K) uint32 {
	for i := tag & s.index.mask; ; i = (i + 1) & s.index.mask {
		c := s.index.cells[i]
		if c == 0 {
			return 0
		}
		if uint32(c>>32) == tag && s.slots[uint32(c)].key == key {
			return uint32(c)
		}
	}
}

// add takes a slot for a key that has none.
func (s *shard[K, V]) add(tag uint32, key K) uint32 {
	i := s.free
	if i != 0 {
		s.free = s.slots[i].next
	} else {
		i = uint32(len(s.slots))
		s.slots = append(s.slots, slot[K, V]{})
	}
	e := &s.slots[i]
	e.key, e.tag = key, tag
	s.index.insert(tag, i)
	return i
}

// remove frees a slot that is not in the ring, and lets go of key and value.
func (s *shard[K, V]) remove(i uint32) {
	s.index.remove(s.slots[i].tag, i)
	s.slots[i] = slot[K, V]{flight: unused, next: s.free}
	s.free = i
}

// keep turns the slot of a flight into that of a result, the youngest.
func (s *shard[K, V]) keep(i uint32, v V, now int64, ttl time.Duration) {
	e := &s.slots[i]
	e.value, e.since, e.expires = v, now, now+int64(ttl)
	if e.expires < now {
		e.expires = math.MaxInt64
	}
	e.flight = 0
	e.prev, e.next = s.slots[0].prev, 0
	s.slots[e.prev].next = i
	s.slots[0].prev = i
	s.kept++
	if ttl != s.ttl {
		s.mixed = true
	}
	s.sweep(now)
	if s.limit > 0 && s.kept > s.limit {
		s.evict()
	}
}

// drop removes a result.
func (s *shard[K, V]) drop(i uint32) {
	e := &s.slots[i]
	s.slots[e.prev].next = e.next
	s.slots[e.next].prev = e.prev
	s.kept--
	s.remove(i)
	if s.kept == 0 {
		s.mixed = false
	}
}

func (s *shard[K, V]) expire(i uint32) {
	s.expired++
	s.drop(i)
}

func (s *shard[K, V]) evict() {
	s.evicted++
	s.drop(s.slots[0].next)
}

// oldest returns the oldest result that has not expired, and removes those
// before it. It is nil where there is none.
func (s *shard[K, V]) oldest(now int64) *slot[K, V] {
	for {
		i := s.slots[0].next
		if i == 0 {
			return nil
		}
		if now < s.slots[i].expires {
			return &s.slots[i]
		}
		s.expire(i)
	}
}

// sweep removes up to two expired results from the old end of the ring, so that
// each result kept pays for more than itself. Where ttls are mixed the old end
// may be young in this sense and hide others behind it; then a hand goes round
// the slots as well. At two slots a step it comes by before the slots double.
func (s *shard[K, V]) sweep(now int64) {
	for range 2 {
		i := s.slots[0].next
		if i == 0 || now < s.slots[i].expires {
			break
		}
		s.expire(i)
	}
	for range 2 {
		if !s.mixed {
			break
		}
		s.hand++
		if int(s.hand) >= len(s.slots) {
			s.hand = 1
		}
		s.expireIf(s.hand, now)
	}
}

func (s *shard[K, V]) expireIf(i uint32, now int64) {
	if e := &s.slots[i]; e.flight == 0 && now >= e.expires {
		s.expire(i)
	}
}

// purge removes all expired results.
func (s *shard[K, V]) purge(now int64) int {
	before := s.expired
	s.oldest(now)
	for i := 1; s.mixed && i < len(s.slots); i++ {
		s.expireIf(uint32(i), now)
	}
	s.shrink()
	return int(s.expired - before)
}

// clear removes all results and detaches all flights from their keys.
func (s *shard[K, V]) clear() {
	for i := range s.flights {
		s.flights[i].slot = 0
	}
	s.slots = make([]slot[K, V], 1)
	s.index.reset(0)
	s.free, s.hand, s.kept, s.mixed = 0, 0, 0, false
}

// shrink moves what is left into a smaller slab when three quarters of a large
// one are free. The moves are paid for by the removals that made it so.
func (s *shard[K, V]) shrink() {
	if len(s.slots) <= 128 || s.index.used*4 > len(s.slots) {
		return
	}
	old := s.slots
	s.slots = make([]slot[K, V], 1, 2*s.index.used+2)
	s.index.reset(s.index.used)
	s.free, s.hand = 0, 0
	for i := old[0].next; i != 0; i = old[i].next {
		n := s.move(&old[i])
		e, hinge := &s.slots[n], &s.slots[0]
		e.prev, e.next = hinge.prev, 0
		s.slots[e.prev].next = n
		s.slots[0].prev = n
	}
	for i := range s.flights {
		if f := &s.flights[i]; f.slot != 0 {
			f.slot = s.move(&old[f.slot])
		}
	}
}

// move copies a slot of an old slab to the end of the new one.
func (s *shard[K, V]) move(e *slot[K, V]) uint32 {
	i := uint32(len(s.slots))
	s.slots = append(s.slots, *e)
	s.index.insert(e.tag, i)
	return i
}

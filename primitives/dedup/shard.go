package dedup

import (
	"math"
	"sync"
)

// shard holds the keys of one part of the hashes. All its fields are guarded by
// mu, which is held for tens of nanoseconds, never while user code runs.
type shard[K comparable, V any] struct {
	mu    sync.Mutex
	table table[K, V]
	queue queue // of the results; a key that is only in flight is not in it

	flights    []flight[V] // a slab; everything refers to a flight by its number
	freeFlight uint32      // none where there is no free one
	gen        uint64
	spare      [][]Follower[V]

	id     uint32
	limit  int   // most results kept; 0 for no limit
	weight int64 // most that they weigh together; 0 for no limit
	strict bool  // the ttls of those in the queue may differ
	mixed  bool  // so it is not in the order of expiry
	hand   uint32
	early  bool    // what a load took is kept
	took   []int64 // by place in the table

	flying, noted        int // flights that go on, and such as hold an error
	hits, misses, shared uint64
	completed, failed    uint64
	evicted, expired     uint64
	stale, renewed       uint64
	oversize             uint64
	_                    [64]byte // keeps neighbours out of each other's cache lines
}

// inFlight marks a ref that is a flight's.
const inFlight = 1 << 31

// forever is the time that the clock does not reach.
const forever = math.MaxInt64

// slack is how far results of one ttl may be kept out of the order of their expiry
// before the queue counts as mixed: the clock is read before the lock is taken.
const slack = 1_000_000

func (s *shard[K, V]) init(id uint32, limit int, p Policy, gen uint64) {
	s.id, s.limit, s.weight, s.gen, s.early = id, limit, p.weight, gen, p.early > 0
	s.freeFlight = none
	s.reset()
}

func (s *shard[K, V]) reset() {
	s.table.reset(0)
	s.queue.reset(0, s.weight > 0)
	s.strict, s.mixed, s.hand, s.took = false, false, 0, nil
	if s.early {
		s.took = make([]int64, len(s.table.entries))
	}
}

// add takes a place for a key that has none.
func (s *shard[K, V]) add(h uint64, key K) uint32 {
	if s.table.used >= s.table.room {
		s.resize(2 * s.table.room)
	}
	i := s.table.place(uint32(h), tagOf(h))
	e := &s.table.entries[i]
	e.key, e.hash = key, uint32(h)
	return i
}

// resize moves all entries to a table with room for n.
func (s *shard[K, V]) resize(n int) {
	old, took := s.table, s.took
	s.table.reset(n)
	if s.early {
		s.took = make([]int64, len(s.table.entries))
	}
	for g, word := range old.ctrl {
		for j := range width {
			tag := byte(word >> (8 * j))
			if tag == 0 {
				continue
			}
			from := g*width + j
			e := &old.entries[from]
			to := s.table.place(e.hash, tag)
			s.table.entries[to] = *e
			if s.early {
				s.took[to] = took[from]
			}
			s.moved(to)
		}
	}
}

// moved tells those who refer to an entry where it is now.
func (s *shard[K, V]) moved(i uint32) {
	e := &s.table.entries[i]
	place := e.ref
	if e.ref&inFlight != 0 {
		f := &s.flights[e.ref&^inFlight]
		f.at, place = i, f.place
	}
	if e.expires != 0 {
		s.queue.cell(place).at = i
	}
}

// compact closes the gaps of the queue, in a ring with room for n results.
func (s *shard[K, V]) compact(n int) {
	old := s.queue
	s.queue.reset(n, s.weight > 0)
	s.hand = 0
	for p := old.head; p != old.tail; p = next(p) {
		c := old.cell(p)
		if c.at == none {
			continue
		}
		var weight int64
		if old.weights != nil {
			weight = old.weights[old.index(p)]
		}
		place := s.queue.push(c.at, c.expires, weight)
		if e := &s.table.entries[c.at]; e.ref&inFlight != 0 {
			s.flights[e.ref&^inFlight].place = place
		} else {
			e.ref = place
		}
	}
}

// enqueue puts the result of an entry at the young end of the queue and returns its
// place. The entry must not be in the queue, and the caller makes it refer to
// the place before anything else happens.
func (s *shard[K, V]) enqueue(i uint32, end *ending[V]) uint32 {
	q := &s.queue
	if q.full() {
		s.compact(max(2*q.live, minCells))
	}
	if end.odd {
		s.strict = true
	}
	if q.live > 0 {
		youngest := q.cell((q.tail - 1) & (inFlight - 1)).expires
		s.mixed = s.mixed || end.expires < youngest && (s.strict || end.expires < youngest-slack)
	}
	return q.push(i, end.expires, end.weight)
}

// keep makes the value of end the result of an entry that is in no flight, as the youngest.
func (s *shard[K, V]) keep(i uint32, end *ending[V]) {
	place := s.enqueue(i, end)
	e := &s.table.entries[i]
	e.value, e.expires, e.ref = end.value, end.expires, place
}

// settle makes room after a result has been kept: it removes what has expired,
// in passing, and evicts what is too much. The youngest stays: it is within the
// limits by itself.
func (s *shard[K, V]) settle(now int64) {
	s.sweep(now)
	for s.limit > 0 && s.queue.live > s.limit || s.weight > 0 && s.queue.weight > s.weight {
		s.evict()
	}
}

// drop takes the result of an entry away, and the entry with it unless its key
// is in flight.
func (s *shard[K, V]) drop(i uint32) {
	e := &s.table.entries[i]
	place, flying := e.ref, false
	if e.ref&inFlight != 0 {
		n := e.ref &^ inFlight
		place, flying = s.flights[n].place, s.flights[n].gen != 0
		if !flying {
			s.erase(n)
		}
	}
	s.queue.drop(place)
	if flying {
		var zero V
		e.value, e.expires = zero, 0
	} else {
		s.table.remove(i)
	}
	if s.queue.live == 0 {
		s.strict, s.mixed = false, false
	}
}

func (s *shard[K, V]) expire(i uint32) {
	s.expired++
	s.drop(i)
}

func (s *shard[K, V]) evict() {
	s.evicted++
	s.drop(s.queue.oldest().at)
}

// oldest returns the oldest result that has not expired, and removes those
// before it. It is nil where there is none.
func (s *shard[K, V]) oldest(now int64) *cell {
	for {
		c := s.queue.oldest()
		if c == nil || now < c.expires {
			return c
		}
		s.expire(c.at)
	}
}

// sweep removes up to two expired results from the old end of the queue, so that
// each result kept pays for more than itself. Where ttls are mixed the old end
// may be young in this sense and hide others behind it; then a hand goes round
// the queue as well. At two places a step it comes by before the queue doubles.
func (s *shard[K, V]) sweep(now int64) {
	for range 2 {
		c := s.queue.oldest()
		if c == nil || now < c.expires {
			break
		}
		s.expire(c.at)
	}
	for range 2 {
		if !s.mixed {
			break
		}
		s.hand = next(s.hand)
		if (s.hand-s.queue.head)&(inFlight-1) >= uint32(s.queue.len()) {
			s.hand = s.queue.head
		}
		s.expireIf(s.hand, now)
	}
}

func (s *shard[K, V]) expireIf(place uint32, now int64) {
	if c := s.queue.cell(place); c.at != none && now >= c.expires {
		s.expire(c.at)
	}
}

// purge removes all expired results.
func (s *shard[K, V]) purge(now int64) int {
	before := s.expired
	s.oldest(now)
	for p, end := s.queue.head, s.queue.tail; s.mixed && p != end; p = next(p) {
		s.expireIf(p, now)
	}
	s.shrink()
	return int(s.expired - before)
}

// clear removes all results and parts all flights from their keys.
func (s *shard[K, V]) clear() {
	for n := range s.flights {
		f := &s.flights[n]
		if f.gen != 0 {
			f.at = none
		} else if f.err != nil {
			s.erase(uint32(n))
		}
	}
	s.reset()
}

// shrink gives memory back when seven eighths of it are free. The moves are paid
// for by the removals that made it so.
func (s *shard[K, V]) shrink() {
	if len(s.table.ctrl) > 16 && s.table.used*8 < len(s.table.entries) {
		s.resize(2 * s.table.used)
	}
	if len(s.queue.cells) > 128 && s.queue.live*8 < len(s.queue.cells) {
		s.compact(2 * s.queue.live)
	}
	if len(s.flights) > 1024 && s.flying == 0 && s.noted == 0 { // after a flood
		s.flights, s.freeFlight = nil, none
	}
}

package dedup

import (
	"math"
	"sync"
)

// shard holds the keys of one part of the hashes. Guarded by: mu, for all its fields.
// It is held for tens of nanoseconds. Must not: run user code with mu held.
type shard[K comparable, V any] struct {
	mu    sync.Mutex
	table table[K, V]

	flights    []flight[V] // a slab as well; 0 is not used
	freeFlight uint32
	gen        uint64
	spare      [][]Follower[V]
	spared     int // for how many followers spare has room

	id     uint32
	worth  int   // the shard's share of it: see shrink
	limit  int   // most results kept; 0 for no limit
	weight int64 // most that they weigh together; 0 for no limit
	early  bool
	facts  []fact // by entry, if there is a limit on weight or if early
	strict bool   // the ttls of the results may differ
	mixed  bool   // the ring is not in the order of expiry
	hand   uint32 // the next entry to look at if mixed

	kept, flying, noted  int // results; flights that go on; flights that hold an error
	weighs               int64
	hits, misses, shared uint64
	completed, failed    uint64
	evicted, expired     uint64
	stale, renewed       uint64
	oversize             uint64
	seen                 uint64   // not read, see lookUp
	_                    [64]byte // keeps two shards off one cache line
}

// fact is what is known of a result if the policy asks for it.
type fact struct{ took, weight int64 }

// forever is a time that the clock does not reach.
const forever = math.MaxInt64

// slack is how far results of one ttl may be out of the order of their expiry before
// the ring counts as mixed. The clock is read before the lock is taken, so the order of
// two results can be wrong by that much.
const slack = 1_000_000

func (s *shard[K, V]) init(id uint32, limit int, p Policy, gen uint64) {
	s.id, s.limit, s.weight, s.gen, s.early = id, limit, p.weight, gen, p.early > 0
	s.flights = make([]flight[V], 1)
	s.reset()
}

func (s *shard[K, V]) reset() {
	s.table.reset(0)
	s.strict, s.mixed, s.hand, s.facts = false, false, 0, nil
	s.kept, s.weighs = 0, 0
}

// add takes an entry for a key that has none.
func (s *shard[K, V]) add(hash uint32, key K) uint32 {
	i := s.table.add(hash, key)
	if (s.early || s.weight > 0) && int(i) >= len(s.facts) {
		s.facts = append(s.facts, make([]fact, int(i)+1-len(s.facts))...)
	}
	return i
}

// keep makes room, and then makes what end says the result of entry i, as the youngest.
// The entry has no result yet.
func (s *shard[K, V]) keep(i uint32, end *ending[V]) {
	s.room(end)
	e, hinge := &s.table.entries[i], &s.table.entries[0]
	s.strict = s.strict || end.odd
	if hinge.prev != 0 {
		youngest := s.table.entries[hinge.prev].ends()
		s.mixed = s.mixed || end.expires < youngest && (s.strict || end.expires < youngest-slack)
	}
	e.value, e.expires = end.value, end.expires
	s.link(i)
	s.kept++
	if s.facts != nil {
		s.facts[i] = fact{end.took, end.weight}
		s.weighs += end.weight
	}
}

// link puts an entry at the young end of the ring.
func (s *shard[K, V]) link(i uint32) {
	e, hinge := &s.table.entries[i], &s.table.entries[0]
	e.prev, e.next = hinge.prev, 0
	s.table.entries[e.prev].next = i
	hinge.prev = i
}

// ends returns when the result of an entry expires.
func (e *entry[K, V]) ends() int64 { return max(e.expires, -e.expires) }

// room makes room for a result that is about to be kept. It removes some expired results
// and evicts what exceeds the limits. Invariant: the result alone is within the limits.
func (s *shard[K, V]) room(end *ending[V]) {
	s.sweep(end.now)
	for s.limit > 0 && s.kept >= s.limit || s.weight > 0 && s.weighs > s.weight-end.weight {
		s.evict()
	}
}

// drop removes the result of an entry, and the entry unless its key is in flight.
func (s *shard[K, V]) drop(i uint32) {
	s.unlink(i)
	if n := s.table.entries[i].flight; n == 0 {
		s.table.remove(i)
	} else if s.flights[n].gen == 0 {
		s.erase(n)
		s.table.remove(i)
	}
}

// unlink removes the result of an entry.
func (s *shard[K, V]) unlink(i uint32) {
	e := &s.table.entries[i]
	s.table.entries[e.prev].next = e.next
	s.table.entries[e.next].prev = e.prev
	e.expires = 0
	if e.flight != 0 { // otherwise the whole entry is removed
		var zero V
		e.value = zero
	}
	if s.facts != nil {
		s.weighs -= s.facts[i].weight
	}
	s.kept--
	if s.kept == 0 {
		s.strict, s.mixed = false, false
	}
}

func (s *shard[K, V]) expire(i uint32) {
	s.expired++
	s.drop(i)
}

func (s *shard[K, V]) evict() {
	s.evicted++
	s.drop(s.table.entries[0].next)
}

// oldest returns the oldest result that has not expired, or 0, and removes those before
// it.
func (s *shard[K, V]) oldest(now int64) uint32 {
	for {
		i := s.table.entries[0].next
		if i == 0 || now < s.table.entries[i].ends() {
			return i
		}
		s.expire(i)
	}
}

// sweep removes up to two expired results from the old end of the ring, so that each
// result that is kept pays for more than itself. If ttls are mixed, an old result that
// expires late can hide expired ones behind it. Then a hand goes round all entries as
// well. At two entries a step it has been round before their number doubles.
func (s *shard[K, V]) sweep(now int64) {
	for range 2 {
		i := s.table.entries[0].next
		if i == 0 || now < s.table.entries[i].ends() {
			break
		}
		s.expire(i)
	}
	for range 2 {
		if !s.mixed {
			break
		}
		s.hand++
		if int(s.hand) >= len(s.table.entries) {
			s.hand = 1
		}
		s.expireIf(s.hand, now)
	}
}

func (s *shard[K, V]) expireIf(i uint32, now int64) {
	if e := &s.table.entries[i]; e.expires != 0 && now >= e.ends() {
		s.expire(i)
	}
}

// purge removes all expired results.
func (s *shard[K, V]) purge(now int64) int {
	before := s.expired
	s.oldest(now)
	for i := 1; s.mixed && i < len(s.table.entries); i++ {
		s.expireIf(uint32(i), now)
	}
	s.shrink()
	return int(s.expired - before)
}

// clear removes all results and parts all flights from their keys.
func (s *shard[K, V]) clear() {
	for n := range s.flights {
		f := &s.flights[n]
		if f.gen != 0 {
			f.entry = 0
		} else if f.err != nil {
			s.erase(uint32(n))
		}
	}
	s.reset()
}

// worth is the smallest number of entries, in all shards together, whose memory is given
// back. Keys in flight come and go in bursts: what is given back after a small burst
// would be taken again by the next.
const worth = 4096

// shrink gives memory back when most of it is free. The removals before pay for the
// moves.
func (s *shard[K, V]) shrink() {
	if n := len(s.table.entries); n > max(128, s.worth) && s.table.used*4 < n {
		s.move(2 * s.table.used)
	}
	if len(s.flights) > max(1024, s.worth) && s.flying == 0 && s.noted == 0 { // after a burst
		s.flights, s.freeFlight = make([]flight[V], 1), 0
	}
}

// move moves all entries to a smaller table: first the results in their order, and then
// the keys that are only in flight.
func (s *shard[K, V]) move(room int) {
	old, facts := s.table, s.facts
	s.table.reset(room)
	s.facts, s.hand = nil, 0
	for i := old.entries[0].next; i != 0; i = old.entries[i].next {
		to := s.moved(&old.entries[i])
		s.link(to)
		if facts != nil {
			s.facts[to] = facts[i]
		}
	}
	for n := range s.flights {
		f := &s.flights[n]
		if e := &old.entries[f.entry]; f.entry != 0 && e.expires == 0 {
			s.moved(e)
		}
	}
}

// moved copies an entry of an old table, and updates its flight.
func (s *shard[K, V]) moved(e *entry[K, V]) uint32 {
	i := s.add(e.hash, e.key)
	s.table.entries[i] = *e
	if e.flight != 0 {
		s.flights[e.flight].entry = i
	}
	return i
}

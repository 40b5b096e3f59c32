package dedup

import (
	"errors"
	"time"
)

// flight is one run for a key: from First, or from a Do that leads, to its end. A flight
// that has ended with an error that is kept stays, to hold the error.
type flight[V any] struct {
	gen   uint64 // the token's; 0 if the run has ended
	entry uint32 // of the key; 0 if the key has been forgotten
	next  uint32 // in the chain of free flights

	left    bool // the ctx of the Do that leads has ended
	waiting int  // followers, of both kinds
	run     *runContext
	lately  identity // of the caller that led the run before

	result    *result[V] // for the Do calls that follow
	followers []Follower[V]

	began int64      // if results are renewed early
	err   error      // that is kept: the result, or why the renewal failed
	kept  *KeptError // err in the form in which it is served, nil until then
	until int64      // no renewal before
}

// result tells the Do calls that follow a flight how it ended. The first of them makes
// it. It is not reused, because they read it after the flight has ended.
type result[V any] struct {
	done  chan struct{}
	value V
	err   error
	seats seats // seats of the Do calls that have a deadline
	few   [2]place
}

// landing holds the followers of a flight that has ended. They are told without a lock.
type landing[V any] struct {
	result    *result[V]
	followers []Follower[V]
}

// ending is how a flight ends. All of it is decided before the shard is locked.
type ending[V any] struct {
	value   V
	err     error
	now     int64
	expires int64 // 0 keeps nothing
	weight  int64
	took    int64
	odd     bool // the ttl is not the policy's
}

// errUnfinished ends the flight of a function that did not return. It is not told: the
// followers are told what happened as soon as that is known.
var errUnfinished = errors.New("dedup: unfinished")

// begin registers the key of an entry as in flight from now on.
func (s *shard[K, V]) begin(i uint32, now int64) Token {
	e := &s.table.entries[i]
	n := e.flight
	switch {
	case n != 0: // the flight holds why the last renewal failed
		s.flights[n].err, s.flights[n].kept = nil, nil
		s.noted--
	case s.freeFlight != 0:
		n = s.freeFlight
		s.freeFlight = s.flights[n].next
	default:
		n = uint32(len(s.flights))
		s.flights = append(s.flights, flight[V]{})
	}
	s.gen++
	if s.gen == 0 { // 0 means ended, and is in the zero Token
		s.gen++
	}
	e.flight = n
	if e.expires != 0 {
		s.renewed++
	} else {
		s.misses++
	}
	s.flying++
	f := &s.flights[n]
	f.gen, f.entry, f.began = s.gen, i, now
	return Token{gen: s.gen, flight: n, shard: s.id}
}

// flight returns the flight of t if it has not ended.
func (s *shard[K, V]) flight(t Token) *flight[V] {
	if t.gen == 0 || int(t.flight) >= len(s.flights) || s.flights[t.flight].gen != t.gen {
		return nil
	}
	return &s.flights[t.flight]
}

// join enlists fol with the flight of entry i.
func (s *shard[K, V]) join(i uint32, fol Follower[V]) {
	s.shared++
	if fol == nil {
		return
	}
	f := &s.flights[s.table.entries[i].flight]
	if n := len(s.spare); f.followers == nil && n > 0 {
		f.followers, s.spare = s.spare[n-1], s.spare[:n-1]
		s.spared -= cap(f.followers)
	}
	f.followers = append(f.followers, fol)
	f.waiting++
}

// wait makes a Do a follower of the flight of entry i. Until hurry it counts as a
// follower without a deadline.
func (s *shard[K, V]) wait(i uint32) (Token, *result[V]) {
	s.shared++
	n := s.table.entries[i].flight
	f := &s.flights[n]
	if f.result == nil {
		f.result = &result[V]{done: make(chan struct{})}
		f.result.seats.places = f.result.few[:0]
	}
	f.waiting++
	return Token{gen: f.gen, flight: n, shard: s.id}, f.result
}

// hurry notes the deadline of a Do that follows, and returns its seat.
func (s *shard[K, V]) hurry(t Token, by time.Time) seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flight(t); f != nil {
		return f.result.seats.take(by)
	}
	return noSeat
}

// leave is called by a Do that stops waiting, and tells why. If the leader has left as
// well and this was the last follower, the run ends.
func (s *shard[K, V]) leave(t Token, at seat, why *reason) {
	s.mu.Lock()
	f := s.flight(t)
	if f == nil {
		s.mu.Unlock()
		return
	}
	f.waiting--
	f.result.seats.free(at)
	run := f.run
	over := f.left && s.abandon(f)
	s.mu.Unlock()
	if run == nil {
		return // a token's
	}
	// If the function has not asked its context, the flight does not know whether the
	// leader has left.
	if over || run.caller.Err() != nil && s.leaderLeft(t) {
		run.finish(why)
	}
}

// leaderLeft is called when the ctx of a leading Do has ended. It reports whether the
// run ends now, because no follower waits. If so the key is free.
func (s *shard[K, V]) leaderLeft(t Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flight(t)
	if f == nil {
		return false // the run has ended, and with it its context
	}
	f.left = true
	return s.abandon(f)
}

// abandon parts a flight from its key if no follower waits, and reports whether that
// ends its run now. It is called when the leader has left. After that no caller can
// join, so that a context that has ended never has to come back to life. The context is
// not used for another run. A result that was being renewed stays.
func (s *shard[K, V]) abandon(f *flight[V]) bool {
	if f.waiting > 0 || f.run == nil {
		return false
	}
	s.part(f)
	f.run = nil
	return true
}

// patience returns the latest deadline of the followers of t, if all have one.
func (s *shard[K, V]) patience(t Token) (latest time.Time, followers patience) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flight(t)
	switch {
	case f == nil || f.waiting == 0:
		return latest, none
	case f.result == nil || f.waiting > f.result.seats.taken:
		return latest, endless
	}
	return f.result.seats.latest(), bounded
}

// part separates a flight from its key. What is kept stays, the run continues for its
// present callers, and the next caller of the key is the first.
func (s *shard[K, V]) part(f *flight[V]) {
	if f.entry == 0 {
		return
	}
	if e := &s.table.entries[f.entry]; e.expires != 0 {
		e.flight = 0
	} else {
		s.table.remove(f.entry)
	}
	f.entry = 0
}

// land ends the flight of t, with what end says, unless it has ended before.
func (s *shard[K, V]) land(t Token, end *ending[V]) (l landing[V], ok bool) {
	f := s.flight(t)
	if f == nil {
		return l, false
	}
	f.gen, f.left = 0, false
	if f.result != nil || f.followers != nil {
		l = landing[V]{f.result, f.followers}
		f.result, f.followers, f.waiting = nil, nil, 0
	}
	s.flying--
	if end.err != nil {
		s.failed++
	} else {
		s.completed++
	}
	if end.weight > s.weight {
		s.oversize++
		end.expires = 0
	}
	if f.entry == 0 || !s.hold(t.flight, end) {
		s.release(t.flight)
	}
	s.shrink()
	return l, true
}

// hold keeps what flight n ended with for its key, or removes the entry. It reports
// whether it keeps the flight as well, to hold an error.
func (s *shard[K, V]) hold(n uint32, end *ending[V]) bool {
	f := &s.flights[n]
	i := f.entry
	e := &s.table.entries[i]
	keeps := end.expires != 0
	failed := end.err != nil
	if failed && keeps {
		f.err, f.until = end.err, end.expires
		s.noted++
	}
	if e.expires != 0 { // a renewal
		if failed {
			if !keeps {
				e.flight = 0
			}
			return keeps
		}
		s.unlink(i)
	}
	if !keeps {
		s.table.remove(i)
		return false
	}
	if failed {
		s.keep(i, end)
		e.expires = -end.expires
		return true
	}
	e.flight = 0
	end.took = end.now - f.began
	s.keep(i, end)
	return false
}

// release frees flight n. Its context stays for the next run if it can be used again.
func (s *shard[K, V]) release(n uint32) {
	f := &s.flights[n]
	if f.run != nil {
		f.retire()
	}
	if f.err != nil {
		f.err, f.kept = nil, nil
	}
	f.entry, f.next, s.freeFlight = 0, s.freeFlight, n
}

// erase frees a flight that held an error.
func (s *shard[K, V]) erase(n uint32) {
	s.noted--
	s.release(n)
}

func (l landing[V]) empty() bool { return l.result == nil && l.followers == nil }

// recycle keeps slices of followers for later flights. It keeps as many slices as a batch has
// places, with room for at most mostSpared followers in total.
func (s *shard[K, V]) recycle(followers []Follower[V]) {
	room := cap(followers)
	if room == 0 {
		return
	}
	clear(followers)
	s.mu.Lock()
	if len(s.spare) < most && s.spared <= mostSpared-room {
		s.spare = append(s.spare, followers[:0])
		s.spared += room
	}
	s.mu.Unlock()
}

const mostSpared = 1 << 14

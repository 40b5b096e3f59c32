package dedup

import (
	"context"
	"errors"
	"time"
)

// flight is one run for a key: from First, or a Do that leads, to its end.
type flight[V any] struct {
	gen  uint64 // the token's; 0 where the flight is free
	slot uint32 // of the key; 0 where the key has been forgotten
	next uint32 // in the chain of free flights

	run       *runContext // where a Do leads
	left      bool        // the ctx of that Do has ended
	waiting   int         // followers, of both kinds
	result    *result[V]  // where Do waits
	followers []Follower[V]
}

// result is how the Do calls that follow a flight learn of its end. It is made
// by the first of them, and not reused: they read it after the flight is gone.
type result[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// landing is who must be told the result of a flight that has ended.
type landing[V any] struct {
	result    *result[V]
	followers []Follower[V]
}

// errUnfinished ends the flight of a function that did not return. Nobody sees
// it: those who wait are told what happened as soon as that is known.
var errUnfinished = errors.New("dedup: unfinished")

// begin registers a key as in flight.
func (s *shard[K, V]) begin(tag uint32, key K) Token {
	n := s.freeFlight
	if n != 0 {
		s.freeFlight = s.flights[n].next
	} else {
		n = uint32(len(s.flights))
		s.flights = append(s.flights, flight[V]{})
	}
	s.gen++
	if s.gen == 0 { // means free, and the zero Token
		s.gen++
	}
	i := s.add(tag, key)
	s.slots[i].flight = n
	f := &s.flights[n]
	f.gen, f.slot = s.gen, i
	s.misses++
	s.flying++
	return Token{gen: s.gen, flight: n, shard: s.id}
}

// context gives the flight t the context that its function runs with.
func (s *shard[K, V]) context(ctx context.Context, t Token) *runContext {
	run := &runContext{caller: ctx, home: s, token: t}
	s.flights[t.flight].run = run
	return run
}

// flight returns the flight of t if it has not ended.
func (s *shard[K, V]) flight(t Token) *flight[V] {
	if t.gen == 0 || int(t.flight) >= len(s.flights) || s.flights[t.flight].gen != t.gen {
		return nil
	}
	return &s.flights[t.flight]
}

// join enlists fol with the flight in slot i.
func (s *shard[K, V]) join(i uint32, fol Follower[V]) {
	s.shared++
	if fol == nil {
		return
	}
	f := &s.flights[s.slots[i].flight]
	if n := len(s.spare); f.followers == nil && n > 0 {
		f.followers, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	f.followers = append(f.followers, fol)
	f.waiting++
}

// wait makes a Do a follower of the flight in slot i.
func (s *shard[K, V]) wait(i uint32) (Token, *result[V]) {
	s.shared++
	n := s.slots[i].flight
	f := &s.flights[n]
	if f.result == nil {
		f.result = &result[V]{done: make(chan struct{})}
	}
	f.waiting++
	return Token{gen: f.gen, flight: n, shard: s.id}, f.result
}

// leave is called by a Do that stops waiting. The last one out of a run that
// its leader has left too ends it.
func (s *shard[K, V]) leave(t Token) {
	s.mu.Lock()
	f := s.flight(t)
	if f == nil {
		s.mu.Unlock()
		return
	}
	f.waiting--
	run := f.run
	over := f.left && s.abandon(f)
	s.mu.Unlock()
	if over {
		run.cancel()
	}
}

// leaderLeft is called when the ctx of a leading Do has ended. It reports
// whether nobody waits for the run any more. If so the key is free.
func (s *shard[K, V]) leaderLeft(t Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flight(t)
	if f == nil {
		return true
	}
	f.left = true
	return s.abandon(f)
}

// abandon forgets the key of a flight if nobody waits for it. After that nobody
// can join, so that a context that has ended never has to come back to life.
func (s *shard[K, V]) abandon(f *flight[V]) bool {
	if f.waiting > 0 {
		return false
	}
	if f.slot != 0 {
		s.remove(f.slot)
		f.slot = 0
	}
	return true
}

// land ends flight n: the slot of its key becomes that of a result or is freed.
func (s *shard[K, V]) land(n uint32, v V, err error, now int64, ttl time.Duration) landing[V] {
	f := &s.flights[n]
	l := landing[V]{f.result, f.followers}
	i := f.slot
	*f = flight[V]{next: s.freeFlight}
	s.freeFlight = n
	s.flying--
	if err != nil {
		s.failed++
	} else {
		s.completed++
	}
	// A key that is not equal to itself is never found again, so its result
	// would only take room.
	if i != 0 && ttl > 0 && equal(s.slots[i].key, s.slots[i].key) {
		s.keep(i, v, now, ttl)
	} else if i != 0 {
		s.remove(i)
	}
	s.shrink()
	if s.flying == 0 && len(s.flights) > 1024 { // after a flood
		s.flights, s.freeFlight = make([]flight[V], 1), 0
	}
	return l
}

func equal[K comparable](a, b K) bool { return a == b }

func (l landing[V]) empty() bool { return l.result == nil && l.followers == nil }

// tell tells everybody. It is called without a lock.
func (l landing[V]) tell(v V, err error) {
	if l.result != nil {
		l.result.value, l.result.err = v, err
		close(l.result.done)
	}
	tell(l.followers, v, err)
}

// tell goes on with the next follower if one panics, and then lets the panic go on.
func tell[V any](followers []Follower[V], v V, err error) {
	i := 0
	defer func() {
		if i < len(followers) {
			tell(followers[i+1:], v, err)
		}
	}()
	for ; i < len(followers); i++ {
		followers[i].Done(v, err)
	}
}

// recycle keeps a few slices of followers for the next flights that have some.
func (s *shard[K, V]) recycle(followers []Follower[V]) {
	if cap(followers) == 0 || cap(followers) > 1024 {
		return
	}
	clear(followers)
	s.mu.Lock()
	if len(s.spare) < 16 {
		s.spare = append(s.spare, followers[:0])
	}
	s.mu.Unlock()
}

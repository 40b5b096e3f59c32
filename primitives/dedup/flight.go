package dedup

import "errors"

// flight is one run for a key: from First, or a Do that leads, to its end. A
// flight that has ended with an error that is kept stays, to hold it.
type flight[V any] struct {
	gen   uint64 // the token's; 0 where no run goes on
	entry uint32 // of the key; 0 where the key has been forgotten
	next  uint32 // in the chain of free flights

	left    bool // the ctx of the Do that leads has ended
	waiting int  // followers, of both kinds
	run     *runContext
	lately  identity // whose the run before was

	result    *result[V] // where Do waits
	followers []Follower[V]

	began int64      // where early
	err   error      // kept: the result, or why the renewal of the result failed
	kept  *KeptError // err as it is served, once it has been
	until int64      // no renewal before
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

// ending is how a flight ends: all that is decided before the shard is locked.
type ending[V any] struct {
	value   V
	err     error
	now     int64
	expires int64 // 0 keeps nothing
	weight  int64
	took    int64
	odd     bool // the ttl is not the policy's
}

// errUnfinished ends the flight of a function that did not return. Nobody sees
// it: those who wait are told what happened as soon as that is known.
var errUnfinished = errors.New("dedup: unfinished")

// begin registers the key of an entry as in flight, from now, which counts where
// results are renewed early.
func (s *shard[K, V]) begin(i uint32, now int64) Token {
	e := &s.table.entries[i]
	n := e.flight
	switch {
	case n != 0: // it holds why the last renewal failed
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
	if s.gen == 0 { // means ended, and the zero Token
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
	}
	f.followers = append(f.followers, fol)
	f.waiting++
}

// wait makes a Do a follower of the flight of entry i.
func (s *shard[K, V]) wait(i uint32) (Token, *result[V]) {
	s.shared++
	n := s.table.entries[i].flight
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
		return false // it has ended, and so its context does
	}
	f.left = true
	return s.abandon(f)
}

// abandon forgets the key of a flight if nobody waits for it, and reports whether
// that is so: its context ends. After that nobody can join, so that a context
// that has ended never has to come back to life, and it is not used for another
// run. A result that was being renewed stays.
func (s *shard[K, V]) abandon(f *flight[V]) bool {
	if f.waiting > 0 {
		return false
	}
	s.part(f)
	f.run = nil
	return true
}

// part separates a flight from its key: what is kept stays, the run goes on for
// those who wait for it, and whoever comes next is the first.
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
// whether it has use for the flight itself, which is to hold an error.
func (s *shard[K, V]) hold(n uint32, end *ending[V]) bool {
	f := &s.flights[n]
	i := f.entry
	e := &s.table.entries[i]
	// A key that is not equal to itself is never found again, so its result
	// would only take room.
	keeps := end.expires != 0 && e.key == e.key
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

// release makes flight n free. Its context stays for the next run if it can be
// used again.
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

// tell tells everybody, without a lock. share makes the value of each.
func (l landing[V]) tell(v V, err error, share func(V) V) {
	if l.result != nil {
		l.result.value, l.result.err = v, err
		close(l.result.done)
	}
	if err != nil {
		share = nil
	}
	tell(l.followers, v, err, share)
}

// tell goes on with the next follower if one panics, and then lets the panic go on.
func tell[V any](followers []Follower[V], v V, err error, share func(V) V) {
	i := 0
	defer func() {
		if i < len(followers) {
			tell(followers[i+1:], v, err, share)
		}
	}()
	for ; i < len(followers); i++ {
		own := v
		if share != nil {
			own = share(v)
		}
		followers[i].Done(own, err)
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

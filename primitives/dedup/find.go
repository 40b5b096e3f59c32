package dedup

import "time"

// verdict is what find found.
type verdict uint8

const (
	absent verdict = iota
	flying
	due // a result is kept, and it is time to renew it
	hit
)

// find looks at what there is for key, in entry i of s, which is locked. At hit it
// returns the result that is kept, and has unlocked s. Otherwise s is locked, i is the
// entry of the key, or 0, and at due v is the result that is kept.
//
// The clock is read between two critical sections, not inside one, and only if there is
// a result whose age matters. A miss needs no clock here, nor does a result that is kept
// forever. A result that is fresh by a clock read after it was fresh when it was read.
func (d *Dedup[K, V]) find(s *shard[K, V], h uint64, key K, i uint32, now int64) (v V, _ uint32, found verdict, err error) {
	e := &s.table.entries[i]
	if e.expires == 0 {
		return v, i, flying, nil
	}
	if now != 0 {
		return d.judgeAndLetGo(s, i, now)
	}
	v, fresh := e.value, e.expires-d.ages
	s.hits++
	s.mu.Unlock()
	if fresh == forever-d.ages {
		return v, i, hit, nil
	}
	now = d.now()
	if now < fresh {
		return v, i, hit, nil
	}
	var zero V
	s.mu.Lock()
	s.hits--
	if i = s.table.find(uint32(h), key); i == 0 {
		return zero, i, absent, nil
	}
	if s.table.entries[i].expires == 0 {
		return zero, i, flying, nil
	}
	return d.judgeAndLetGo(s, i, now)
}

// judgeAndLetGo is judge that unlocks s at hit, as find does.
func (d *Dedup[K, V]) judgeAndLetGo(s *shard[K, V], i uint32, now int64) (v V, _ uint32, found verdict, err error) {
	v, i, found, err = d.judge(s, i, now)
	if found == hit {
		s.mu.Unlock()
	}
	return v, i, found, err
}

// judge decides on a result that is kept, by its age. Guarded by: the lock of s.
func (d *Dedup[K, V]) judge(s *shard[K, V], i uint32, now int64) (v V, _ uint32, found verdict, err error) {
	e := &s.table.entries[i]
	f := &s.flights[e.flight]
	switch {
	case now >= e.ends():
		renewing := f.gen != 0
		s.expire(i)
		if renewing {
			return v, i, flying, nil
		}
		return v, 0, absent, nil
	case e.expires < 0:
		err = d.kept(f, e.ends())
	case d.due(s, i, now):
		if f.gen == 0 && now >= f.until { // no flight is flight 0
			return e.value, i, due, nil
		}
		s.stale++
		v = e.value
	default:
		v = e.value
	}
	s.hits++
	return v, i, hit, err
}

// kept returns the error that f holds in the form in which it is served. It is made once.
func (d *Dedup[K, V]) kept(f *flight[V], ends int64) error {
	if f.kept == nil {
		f.kept = &KeptError{Name: d.policy.name, Err: f.err, until: d.start.Add(time.Duration(ends))}
	}
	return f.kept
}

// Get returns the value that is kept for key, and whether there is one. It returns at
// once, registers nothing and counts nothing. It returns a value that is due for renewal,
// and no error that is kept.
func (d *Dedup[K, V]) Get(key K) (V, bool) {
	var zero V
	h, ok := d.hash(key)
	if !ok {
		return zero, false
	}
	s := d.shard(h)
	s.mu.Lock()
	i := s.table.find(uint32(h), key)
	if i == 0 || s.table.entries[i].expires <= 0 {
		s.mu.Unlock()
		return zero, false
	}
	v, expires := s.table.entries[i].value, s.table.entries[i].expires
	s.mu.Unlock()
	if expires != forever && d.now() >= expires {
		return zero, false
	}
	return d.share(v), true
}

// Contains reports whether a value is kept for key, as [Dedup.Get] does.
func (d *Dedup[K, V]) Contains(key K) bool {
	_, ok := d.Get(key)
	return ok
}

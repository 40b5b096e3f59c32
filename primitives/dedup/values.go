package dedup

// find looks key up. It returns the result kept for it (hit); or returns with s
// locked, and i the slot of the key in flight, or 0 where there is none.
//
// The clock is read between two critical sections, not inside one, and only if
// there is a result whose age matters: a miss needs no clock here. A result read
// before the clock and fresh after it was fresh when it was read.
func (d *Dedup[K, V]) find(s *shard[K, V], tag uint32, key K) (v V, i uint32, hit bool) {
	s.mu.Lock()
	i = s.find(tag, key)
	if i == 0 || s.slots[i].flight != 0 {
		return v, i, false
	}
	kept, expires := s.slots[i].value, s.slots[i].expires
	s.hits++
	s.mu.Unlock()
	now := d.now()
	if now < expires {
		return kept, i, true
	}
	s.mu.Lock()
	s.hits--
	i = s.find(tag, key)
	if i == 0 || s.slots[i].flight != 0 {
		return v, i, false
	}
	if now < s.slots[i].expires { // kept anew by somebody else just now
		s.hits++
		v = s.slots[i].value
		s.mu.Unlock()
		return v, i, true
	}
	s.expire(i)
	return v, 0, false
}

// Get returns the result kept for key, and whether there is one. It registers
// nothing, waits for nothing and counts nowhere.
func (d *Dedup[K, V]) Get(key K) (V, bool) {
	var zero V
	h, ok := d.hash(key)
	if !ok {
		return zero, false
	}
	s := d.shard(h)
	s.mu.Lock()
	i := s.find(tag(h), key)
	if i == 0 || s.slots[i].flight != 0 {
		s.mu.Unlock()
		return zero, false
	}
	v, expires := s.slots[i].value, s.slots[i].expires
	s.mu.Unlock()
	if d.now() >= expires {
		return zero, false
	}
	return v, true
}

// Contains reports whether a result is kept for key, as [Dedup.Get] does.
func (d *Dedup[K, V]) Contains(key K) bool {
	_, ok := d.Get(key)
	return ok
}

// Purge removes all expired results and returns their number. There is no need
// to call it: expired results are never served, and each result that is kept
// removes two expired ones. It gives the memory of an idle deduplicator back.
// It locks one shard at a time, for as long as it takes to remove the expired
// results of that shard, or to look at all of them where [TTL] has been used.
func (d *Dedup[K, V]) Purge() int {
	n, now := 0, d.now()
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		n += s.purge(now)
		s.mu.Unlock()
	}
	return n
}

// EvictOldest removes the result that was kept first of those that have not
// expired, and reports whether there was one. It looks at the oldest of every
// shard, and takes any of them where they were kept in the same nanosecond.
func (d *Dedup[K, V]) EvictOldest() bool {
	for {
		var oldest *shard[K, V]
		var since int64
		now := d.now()
		for i := range d.shards {
			s := &d.shards[i]
			s.mu.Lock()
			if e := s.oldest(now); e != nil && (oldest == nil || e.since < since) {
				oldest, since = s, e.since
			}
			s.shrink()
			s.mu.Unlock()
		}
		if oldest == nil {
			return false
		}
		oldest.mu.Lock()
		ok := oldest.oldest(now) != nil
		if ok {
			oldest.evict()
			oldest.shrink()
		}
		oldest.mu.Unlock()
		if ok { // or else somebody was faster: look again
			return true
		}
	}
}

// Clear removes all results, and forgets all keys in flight: their runs go on
// and tell those who wait for them already, but keep nothing, since their
// results may be from before whatever made Clear necessary. The next caller of
// such a key is First. The counters are not reset.
func (d *Dedup[K, V]) Clear() {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		s.clear()
		s.mu.Unlock()
	}
}

package dedup

// A batch finds most of what it needs in memory that another core has written. If each
// cache miss waits for the one before, the misses are most of the time of a batch. So a
// batch that holds the lock for all its keys first loads all it needs, in loops whose
// loads do not wait for each other. The sum of what they read is not used.

// lookUp loads the buckets of the keys with these hashes.
func (s *shard[K, V]) lookUp(hashes []uint64) {
	var seen uint64
	for _, h := range hashes {
		seen += s.table.buckets[uint32(h)&s.table.mask].tags
	}
	s.seen = seen
}

// lookAt loads the flights of these tokens and the entries of their keys. It also loads
// the oldest entries and their buckets, which are evicted if there is a cap.
func (s *shard[K, V]) lookAt(tokens []Token) {
	var seen uint64
	for _, t := range tokens {
		if int(t.flight) < len(s.flights) {
			seen += s.flights[t.flight].gen
		}
	}
	for _, t := range tokens {
		if int(t.flight) < len(s.flights) {
			seen += uint64(s.table.entries[s.flights[t.flight].entry].flight)
		}
	}
	if s.limit > 0 && s.kept+len(tokens) > s.limit {
		at := s.table.entries[0].next
		for range tokens {
			e := &s.table.entries[at]
			seen += s.table.buckets[e.hash&s.table.mask].tags
			at = e.next
		}
	}
	s.seen = seen
}

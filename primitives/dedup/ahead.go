package dedup

// A batch finds most of what it needs in memory that another core has written. One
// miss after the other, that is most of the time a batch takes; so those who hold the
// lock for a whole batch look at all of it first, in loops whose loads do not wait for
// each other. What they read is of no use but to be there.

// lookUp loads the buckets of the keys with these hashes.
func (s *shard[K, V]) lookUp(hashes []uint64) {
	var seen uint64
	for _, h := range hashes {
		seen += s.table.buckets[uint32(h)&s.table.mask].tags
	}
	s.seen = seen
}

// lookAt loads the flights of these tokens, the entries of their keys, and what
// keeping as many results evicts: the oldest entries and their buckets.
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

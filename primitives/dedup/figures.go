package dedup

import "iter"

// Figures ranges over the numbers of the snapshot by name, in lower snake case. Names that end
// in _total only grow.
func (s Snapshot) Figures() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		_ = yield("ttl_seconds", s.TTL.Seconds()) &&
			yield("max_entries", float64(s.MaxEntries)) &&
			yield("max_weight", float64(s.MaxWeight)) &&
			yield("cached", float64(s.Cached)) &&
			yield("weight", float64(s.Weight)) &&
			yield("in_flight", float64(s.InFlight)) &&
			yield("hits_total", float64(s.Hits)) &&
			yield("stale_total", float64(s.Stale)) &&
			yield("misses_total", float64(s.Misses)) &&
			yield("renewals_total", float64(s.Renewals)) &&
			yield("shared_total", float64(s.Shared)) &&
			yield("completed_total", float64(s.Completed)) &&
			yield("failed_total", float64(s.Failed)) &&
			yield("evicted_total", float64(s.Evicted)) &&
			yield("expired_total", float64(s.Expired)) &&
			yield("oversize_total", float64(s.Oversize))
	}
}

// Labels ranges over the kind, which is "dedup", and the name if there is one.
func (s Snapshot) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield("kind", "dedup") && (s.Name == "" || yield("name", s.Name))
	}
}

package limiter

import "iter"

// Figures ranges over the numbers of the snapshot by name, in lower snake case. Names that end
// in _total only grow.
func (s Snapshot) Figures() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		_ = yield("units_per_second", s.Rate) &&
			yield("burst", float64(s.Burst)) &&
			yield("available", float64(s.Available)) &&
			yield("waiting", float64(s.Waiting)) &&
			yield("paused_seconds", s.Paused.Seconds()) &&
			yield("admitted_total", float64(s.Admitted)) &&
			yield("refused_total", float64(s.Refused)) &&
			yield("cancelled_total", float64(s.Cancelled)) &&
			yield("units_total", float64(s.Units)) &&
			yield("penalties_total", float64(s.Penalties))
	}
}

// Labels ranges over the kind, which is "limiter", and the name if there is one.
func (s Snapshot) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield("kind", "limiter") && (s.Name == "" || yield("name", s.Name))
	}
}

package guard

import "iter"

// Figures ranges over the numbers of the snapshot by name, in lower snake case. Names that end
// in _total only grow.
func (s Snapshot) Figures() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		_ = yield("capacity", float64(s.Capacity)) &&
			yield("soft_limit", float64(s.SoftLimit)) &&
			yield("in_use", float64(s.Depth)) &&
			yield("waiting", float64(s.Waiting)) &&
			yield("admitted_total", float64(s.Admitted)) &&
			yield("shed_total", float64(s.Shed)) &&
			yield("cancelled_total", float64(s.Cancelled)) &&
			yield("held_seconds", s.Held.Seconds())
	}
}

// Labels ranges over the kind, which is "guard", and the name if there is one.
func (s Snapshot) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield("kind", "guard") && (s.Name == "" || yield("name", s.Name))
	}
}

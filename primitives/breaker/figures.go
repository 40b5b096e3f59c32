package breaker

import "iter"

// Figures ranges over the numbers of the snapshot by name, in lower snake case. Names that end
// in _total only grow. The state is that of [Snapshot.State]: 0 for closed, 1 for open, 2 for
// half-open.
func (s Snapshot) Figures() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		_ = yield("state", float64(s.State)) &&
			yield("failures", float64(s.Failures)) &&
			yield("until_open", float64(s.UntilOpen)) &&
			yield("threshold", float64(s.Threshold)) &&
			yield("recovery_seconds", s.Recovery.Seconds()) &&
			yield("retry_after_seconds", s.RetryAfter.Seconds()) &&
			yield("openings", float64(s.Openings)) &&
			yield("probes", float64(s.Probes)) &&
			yield("share", s.Share) &&
			yield("generation_total", float64(s.Generation)) &&
			yield("rejected_total", float64(s.Rejected)) &&
			yield("stale_total", float64(s.Stale)) &&
			yield("hook_panics_total", float64(s.HookPanics))
	}
}

// Labels ranges over the kind, which is "breaker", the name if there is one, the state and the
// mode.
func (s Snapshot) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield("kind", "breaker") && (s.Name == "" || yield("name", s.Name)) &&
			yield("state", s.State.String()) && yield("mode", s.Mode.String())
	}
}

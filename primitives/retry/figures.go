package retry

import "iter"

// Figures ranges over the numbers of the snapshot by name, in lower snake case. Names that end
// in _total only grow. The reasons to give up follow gave_up_total, which is their sum.
func (s Snapshot) Figures() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		_ = yield("asleep", float64(s.Asleep)) &&
			yield("calls_total", float64(s.Calls)) &&
			yield("attempts_total", float64(s.Attempts)) &&
			yield("retries_total", float64(s.Retries)) &&
			yield("waits_total", float64(s.Waits)) &&
			yield("hedges_total", float64(s.Hedges)) &&
			yield("hook_panics_total", float64(s.HookPanics)) &&
			yield("succeeded_total", float64(s.Succeeded)) &&
			yield("gave_up_total", float64(s.GaveUp)) &&
			s.reasons(yield)
	}
}

func (s Snapshot) reasons(yield func(string, float64) bool) bool {
	return yield("exhausted_total", float64(s.Exhausted)) &&
		yield("permanent_total", float64(s.Permanent)) &&
		yield("deadline_total", float64(s.Deadline)) &&
		yield("cancelled_total", float64(s.Cancelled)) &&
		yield("rejected_total", float64(s.Rejected)) &&
		yield("postponed_total", float64(s.Postponed)) &&
		yield("elapsed_total", float64(s.Elapsed)) &&
		yield("over_budget_total", float64(s.OverBudget)) &&
		yield("nested_total", float64(s.Nested)) &&
		yield("abandoned_total", float64(s.Abandoned)) &&
		yield("invalid_total", float64(s.Invalid))
}

// Labels ranges over the kind, which is "retry", and the name if there is one.
func (s Snapshot) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield("kind", "retry") && (s.Name == "" || yield("name", s.Name))
	}
}

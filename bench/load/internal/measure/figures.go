package measure

import (
	"time"

	"github.com/weir-go/weir/bench/load/internal/job"
)

// Figures are the result of one run, as they stand in the JSON. Times are in
// milliseconds unless they say otherwise.
type Figures struct {
	Offered   int64 `json:"offered"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Refused   int64 `json:"refused"`
	Shed      int64 `json:"shed"`
	Aborted   int64 `json:"aborted"`
	// Wrong is how many answers were to another question, and Lost whether arrivals
	// have no fate, or two.
	Wrong int64 `json:"wrong"`
	Lost  bool  `json:"lost"`
	// Seconds is how long arrivals were sent, Goodput the successes a second.
	Seconds float64 `json:"seconds"`
	Goodput float64 `json:"goodput"`
	// Latency is that of the successes, from when they were due.
	Latency Latency `json:"latency_ms"`
	// Curve is the same in full: pairs of a quantile and a latency.
	Curve [][2]float64 `json:"curve_ms"`
	// Series are the successes a second, in steps of Step seconds.
	Step   float64   `json:"step_seconds"`
	Series []float64 `json:"series"`
	// Recovery is how long after the end of the outage the successes were back;
	// null where they were not, or where there was no outage.
	Recovery *float64 `json:"recovery_ms"`
	// LateP99 is how late the arrivals were sent: the load's own error, unless the
	// receiver kept it waiting.
	LateP99 float64 `json:"late_p99_ms"`
}

// Latency holds the usual quantiles.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Outage is when the service was down, from the beginning of the run.
type Outage struct{ At, For time.Duration }

// Figures returns the result of a run in which offered arrivals were sent in
// elapsed. All must be done.
func (r *Recorder) Figures(offered int64, elapsed time.Duration, o Outage) Figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := Figures{
		Offered: offered, Succeeded: r.fates[job.Succeeded], Failed: r.fates[job.Failed],
		Refused: r.fates[job.Refused], Shed: r.fates[job.Shed], Aborted: r.fates[job.Aborted],
		Wrong: r.wrong, Seconds: elapsed.Seconds(),
	}
	f.Goodput = float64(f.Succeeded) / f.Seconds
	// Each ID is done once, so both their number and their sum are known.
	f.Lost = f.Done() != offered || r.ids != offered*(offered-1)/2
	at := func(percentile float64) float64 {
		return float64(r.latency.ValueAtPercentile(percentile)) / 1000
	}
	f.Latency = Latency{at(50), at(90), at(99), at(99.9), float64(r.latency.Max()) / 1000}
	if f.Succeeded > 0 {
		// The histogram answers 0 where it is asked for the least by its percentile.
		f.Curve = [][2]float64{{0, float64(r.latency.Min()) / 1000}}
	}
	for _, q := range quantiles(f.Succeeded) {
		f.Curve = append(f.Curve, [2]float64{q, at(100 * q)})
	}
	f.Step = max(step, r.width).Seconds()
	f.Series = series(r.bins, r.width, elapsed)
	if o.For > 0 {
		f.Recovery = recovery(r.bins, r.width, o)
	}
	return f
}

// Done returns how many arrivals have a fate.
func (f Figures) Done() int64 { return f.Succeeded + f.Failed + f.Refused + f.Shed + f.Aborted }

// quantiles returns those above 0 worth plotting of n values: ten steps for each
// halving of what is left, as far as there are values.
func quantiles(n int64) []float64 {
	var qs []float64
	for left := 1.0; left*float64(n) > 1; left /= 2 {
		for i := 1; i <= 10; i++ {
			if rest := left * (1 - float64(i)/20); rest*float64(n) >= 1 {
				qs = append(qs, 1-rest)
			}
		}
	}
	return qs
}

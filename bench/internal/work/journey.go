package work

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Journeys are the latencies of the items that arrived.
type Journeys []time.Duration

// Departures yields the time, once a millisecond.
func Departures(n int) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		due := time.Now()
		for range n {
			due = due.Add(time.Millisecond)
			time.Sleep(time.Until(due))
			if !yield(time.Now()) {
				return
			}
		}
	}
}

// Stay is the step of a stage on the way.
func Stay(_ context.Context, t time.Time) (time.Time, error) { return t, nil }

// Arrive is what the sink of every implementation does.
func (j *Journeys) Arrive(left time.Time) { *j = append(*j, time.Since(left)) }

// Sort puts the journeys into order, as Quantile needs them.
func (j Journeys) Sort() { slices.Sort(j) }

// Quantile returns the latency that the part q of all did not exceed, in
// nanoseconds.
func (j Journeys) Quantile(q float64) float64 {
	return float64(j[min(int(q*float64(len(j))), len(j)-1)])
}

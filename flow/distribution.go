package flow

import (
	"iter"
	"time"

	"github.com/weir-go/weir/internal/buckets"
)

// Distributions makes the run keep the distribution of the wait and the work of the items at each
// stage. At sinks it also keeps that of their age, which is the time since they entered the flow.
// The report, the [Status] and the collectors then have percentiles.
//
// A stage takes 9 kB for it, once. An item costs up to 10 ns more at each stage, and allocates
// nothing. It cannot be combined with [Untimed].
func Distributions() RunOption { return func(s *runSettings) { s.watch.distributions = true } }

// Ages returns the ages so far of the items that the sinks of the run have accepted. It is nil
// unless the run keeps [Distributions]. It may be called at any time, from any goroutine, and
// costs less than [Run.Snapshot].
func (r *Run) Ages() *Distribution {
	var all *Distribution
	for _, n := range r.kernel.Nodes() {
		if !n.IsSink() {
			continue
		}
		if _, _, age, aged := n.Spreads(); age != nil {
			sum := Distribution{age, aged}
			if all != nil {
				sum = sum.Plus(*all)
			}
			all = &sum
		}
	}
	return all
}

// Distribution counts durations by their length, in buckets. The zero value has none. A
// Distribution does not change while the run continues.
//
// The bucket bounds are those of Prometheus' native histograms with schema 3, and of
// OpenTelemetry's exponential histograms with scale 3. Each bound is 2^(1/8) times the one before,
// from 1 ns to 4.5 hours. So the error of a quantile is at most 4.5 %. A cheap item that shared
// clock readings counts with the mean of its group, see [stages.Timings].
type Distribution struct {
	counts []uint64
	sum    time.Duration
}

// Count returns how many durations there were.
func (d Distribution) Count() (n uint64) {
	for _, c := range d.counts {
		n += c
	}
	return n
}

// Sum returns their sum, which is exact.
func (d Distribution) Sum() time.Duration { return d.sum }

// Mean returns their mean, 0 if there were none.
func (d Distribution) Mean() time.Duration {
	n := d.Count()
	if n == 0 {
		return 0
	}
	return d.sum / time.Duration(n)
}

// Quantile returns the duration that a share q of the durations does not exceed. q is from 0 to 1:
// 0.5 for the median, 0.99 for the 99th percentile. The result is 0 if there were no durations.
func (d Distribution) Quantile(q float64) time.Duration {
	return time.Duration(buckets.Quantile(d.counts, q))
}

// Plus returns the distribution of the durations of both: those of a stage in two processes, or
// in two runs.
func (d Distribution) Plus(o Distribution) Distribution {
	sum := Distribution{counts: make([]uint64, buckets.Len), sum: d.sum + o.sum}
	copy(sum.counts, d.counts)
	for i, n := range o.counts {
		sum.counts[i] += n
	}
	return sum
}

// Minus returns the distribution of the durations of d that are not in o. o is an earlier
// distribution of the same stage in the same run, so the result covers the time between the two.
func (d Distribution) Minus(o Distribution) Distribution {
	rest := Distribution{counts: make([]uint64, buckets.Len), sum: max(0, d.sum-o.sum)}
	copy(rest.counts, d.counts)
	for i, n := range o.counts {
		rest.counts[i] -= min(n, rest.counts[i])
	}
	return rest
}

// Buckets ranges over the sizes that occurred, from the shortest: the number of the bucket in the
// layout of schema 3, and how many durations are in it. Bucket i has those above 2^((i-1)/8)
// seconds, up to 2^(i/8) seconds. Durations of 0 are not in it: see [Distribution.Zeros].
func (d Distribution) Buckets() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for i := 1; i < len(d.counts); i++ {
			if n := d.counts[i]; n > 0 && !yield(buckets.First+i-1, n) {
				return
			}
		}
	}
}

// Zeros returns how many durations were 0.
func (d Distribution) Zeros() uint64 {
	if d.counts == nil {
		return 0
	}
	return d.counts[0]
}

// Schema is the number of the layout of a [Distribution] among Prometheus' schemas, and among
// OpenTelemetry's scales.
const Schema = buckets.Schema

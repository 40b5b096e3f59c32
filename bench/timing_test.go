package bench

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/internal/weir"
	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/source"
)

const (
	groupOf = 16                    // items that share a time
	crowdOf = 64                    // items that do if they are very cheap
	calmOf  = 8                     // cheap items in a row that make a stage calm
	bound   = 16 * time.Microsecond // of the error in a calm stage
)

// The documentation of [stages.Timings] says how far a time may be off: not at
// all in a busy stage, less than 16 microseconds in a calm one, and the group
// that ends the calm, because it took longer than that, is shown by its mean.
// Sums are exact. In a bubble a call takes as long as it sleeps, to the
// nanosecond, so the bound can be tested to the nanosecond, too.
func TestTimingsKeepTheirErrorBound(t *testing.T) {
	naps, groups := napTimes()
	synctest.Test(t, func(t *testing.T) {
		shown := napping(t, naps)
		var sum, truth time.Duration
		exact, close := 0, 0
		busy, quiet, ended := true, 0, -crowdOf
		for i, nap := range naps {
			if quiet >= calmOf {
				busy = false
			}
			if !busy && nap >= bound {
				busy, ended = true, i
			}
			off := (shown[i] - nap).Abs()
			switch {
			case busy && i-ended >= groups[i]:
				require.Zero(t, off, "item %d, %v, in a busy stage", i, nap)
				exact++
			case around(naps, i, groups[i]) < bound:
				require.Less(t, off, bound, "item %d, %v, in a calm stage", i, nap)
				close++
			}
			quiet++
			if nap >= time.Microsecond {
				quiet = 0
			}
			sum, truth = sum+shown[i], truth+nap
		}
		require.Greater(t, exact, 1000)
		require.Greater(t, close, 5000)
		// A group's mean is a whole number, so up to 63 ns of a group are lost.
		require.InDelta(t, float64(truth), float64(sum), float64(len(naps)))
	})
}

// napTimes are spells of calm, with a call of 5 microseconds here and there,
// between spells of slow calls; and how many calls share a time at most. Every
// second calm is of calls so cheap that it is a crowd.
func napTimes() (naps []time.Duration, groups []int) {
	for spell := range 20 {
		step, group := time.Duration(50), groupOf
		if spell%2 == 1 {
			step, group = 10, crowdOf
		}
		for i := range 400 + spell {
			naps = append(naps, time.Duration(i*37%10)*step)
			if i%90 == 80 {
				naps = append(naps, 5*time.Microsecond)
			}
		}
		for i := range 80 + spell*3 {
			naps = append(naps, bound+time.Duration(i)*1001)
		}
		for len(groups) < len(naps) {
			groups = append(groups, group)
		}
	}
	return naps, groups
}

// around is the sum of item i and of all that may share a time with it.
func around(naps []time.Duration, i, group int) (sum time.Duration) {
	for _, nap := range naps[max(i-group+1, 0):min(i+group, len(naps))] {
		sum += nap
	}
	return sum
}

// napping returns the work that the timings show for each call.
func napping(t *testing.T, naps []time.Duration) (shown []time.Duration) {
	nap := func(_ context.Context, d time.Duration) (time.Duration, error) {
		time.Sleep(d)
		return d, nil
	}
	for r := range flow.From(source.Slice(naps)).Map("nap", nap).Results(t.Context()) {
		require.NoError(t, r.Err)
		timing, ok := r.Timings.Stage("nap")
		require.True(t, ok)
		shown = append(shown, timing.Work)
	}
	require.Len(t, shown, len(naps))
	return shown
}

// TestSteadyStateDoesNotAllocate runs long enough that what a run costs by
// itself does not show: what is left is the allocations per item. No bubble: it
// would be counted.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates, too")
	}
	for _, impl := range weirs(weir.Row(3, work.Increment)) {
		const few, many = 20_000, 120_000
		impl.run(few) // warm
		short := testing.AllocsPerRun(2, func() { impl.run(few) })
		long := testing.AllocsPerRun(2, func() { impl.run(many) })
		require.Less(t, (long-short)/(many-few), 0.01, "%s: allocations per item", impl.name)
	}
}

package measure_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/bench/load/internal/measure"
)

const bin = 10 * time.Millisecond

// due returns the arrival that is due now.
func due(id int64) job.Arrival { return job.Arrival{ID: id, Key: uint64(id), Due: time.Now()} }

func TestLatencyCountsFromWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := measure.NewRecorder(10*time.Second, bin)
		for i := range int64(1000) { // 1 to 1000 ms
			a := due(i)
			a.Due = time.Now().Add(-time.Duration(i+1) * time.Millisecond)
			r.Done(a, job.Answer{Key: a.Key}, job.Succeeded)
		}
		// What did not succeed is not in the latencies, however quick.
		r.Done(due(1000), job.Answer{}, job.Shed)
		f := r.Figures(1001, time.Second, measure.Outage{})
		require.InEpsilon(t, 500, f.Latency.P50, 0.002)
		require.InEpsilon(t, 900, f.Latency.P90, 0.002)
		require.InEpsilon(t, 990, f.Latency.P99, 0.002)
		require.InEpsilon(t, 999, f.Latency.P999, 0.002)
		require.InEpsilon(t, 1000, f.Latency.Max, 0.002)
		require.InEpsilon(t, 1.0, f.Curve[0][1], 0.01)
		last := f.Curve[len(f.Curve)-1]
		require.InDelta(t, 0.999, last[0], 0.0005, "no quantile beyond what n values tell")
		for i := 1; i < len(f.Curve); i++ {
			require.Greater(t, f.Curve[i][0], f.Curve[i-1][0])
			require.GreaterOrEqual(t, f.Curve[i][1], f.Curve[i-1][1])
		}
	})
}

func TestFatesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := measure.NewRecorder(time.Second, bin)
		id := int64(0)
		for fate := range job.Fates {
			for range fate + 1 {
				r.Done(due(id), job.Answer{Key: uint64(id)}, job.Fate(fate))
				id++
			}
		}
		f := r.Figures(id, 2*time.Second, measure.Outage{})
		require.Equal(t, []int64{1, 2, 3, 4, 5}, []int64{f.Succeeded, f.Failed, f.Refused, f.Shed, f.Aborted})
		require.Equal(t, id, f.Done())
		require.False(t, f.Lost)
		require.Zero(t, f.Wrong)
		require.InDelta(t, 0.5, f.Goodput, 1e-9)
	})
}

func TestArrivalsWithoutAFateOrWithTwoAreNoticed(t *testing.T) {
	for name, ids := range map[string][]int64{"one lost": {0, 1}, "one twice": {0, 1, 2, 2}, "one instead of another": {0, 1, 1}} {
		t.Run(name, func(t *testing.T) {
			r := measure.NewRecorder(time.Second, bin)
			for _, id := range ids {
				r.Done(due(id), job.Answer{}, job.Failed)
			}
			require.True(t, r.Figures(3, time.Second, measure.Outage{}).Lost)
		})
	}
}

func TestAnAnswerForSomebodyElseIsNoticed(t *testing.T) {
	r := measure.NewRecorder(time.Second, bin)
	r.Done(due(0), job.Answer{Key: 99}, job.Succeeded)
	require.EqualValues(t, 1, r.Figures(1, time.Second, measure.Outage{}).Wrong)
}

func TestNothingAtAllIsNoFault(t *testing.T) {
	f := measure.NewRecorder(time.Second, bin).Figures(0, time.Second, measure.Outage{At: 300 * time.Millisecond, For: time.Millisecond})
	require.Zero(t, f.Latency)
	require.Empty(t, f.Curve)
	require.Nil(t, f.Recovery)
	require.False(t, f.Lost)
	require.Len(t, f.Series, 10)
}

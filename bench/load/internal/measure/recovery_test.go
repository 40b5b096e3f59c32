package measure_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/bench/load/internal/job"
	"github.com/weir-go/weir/bench/load/internal/measure"
)

// An outage from 1 s to 1.5 s, in a run of 3 s with a success each millisecond.
var outage = measure.Outage{At: time.Second, For: 500 * time.Millisecond}

// figures returns those of a run in which what is due at a moment succeeds or not.
func figures(t *testing.T, succeeds func(at time.Duration) bool) (f measure.Figures) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := measure.NewRecorder(3*time.Second, bin)
		for id := range int64(3000) {
			fate := job.Failed
			if succeeds(time.Since(r.Begin())) {
				fate = job.Succeeded
			}
			r.Done(due(id), job.Answer{Key: uint64(id)}, fate)
			time.Sleep(time.Millisecond)
		}
		f = r.Figures(3000, 3*time.Second, outage)
	})
	return f
}

func TestRecoveryIsFromTheEndOfTheOutage(t *testing.T) {
	for name, c := range map[string]struct {
		back time.Duration // when successes come again
		want float64       // ms; 80 % of a window of 100 ms must be filled
	}{
		"at once":     {1500 * time.Millisecond, 80},
		"slowly":      {1900 * time.Millisecond, 480},
		"before it":   {1300 * time.Millisecond, 10},
		"not at all":  {4 * time.Second, -1},
		"at the last": {2990 * time.Millisecond, -1},
	} {
		t.Run(name, func(t *testing.T) {
			f := figures(t, func(at time.Duration) bool { return at < time.Second || at >= c.back })
			if c.want < 0 {
				require.Nil(t, f.Recovery)
				return
			}
			require.NotNil(t, f.Recovery)
			require.InDelta(t, c.want, *f.Recovery, 10)
		})
	}
}

func TestTheSeriesShowsTheOutage(t *testing.T) {
	f := figures(t, func(at time.Duration) bool { return at < time.Second || at >= 1500*time.Millisecond })
	require.Len(t, f.Series, 30)
	for i, v := range f.Series {
		want := 1000.0
		if i >= 10 && i < 15 {
			want = 0
		}
		require.InDelta(t, want, v, 1, "step %d", i)
	}
}

func TestThereIsNoRecoveryWithoutAnOutageOrSuccesses(t *testing.T) {
	require.Nil(t, figures(t, func(time.Duration) bool { return false }).Recovery)
	r := measure.NewRecorder(time.Second, bin)
	r.Done(due(0), job.Answer{}, job.Succeeded)
	require.Nil(t, r.Figures(1, time.Second, measure.Outage{}).Recovery)
}

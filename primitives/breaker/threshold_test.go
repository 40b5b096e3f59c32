package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

func TestOpensAtExactlyTheThreshold(t *testing.T) {
	for _, threshold := range []int{1, 2, 5, 100} {
		b, err := breaker.New(breaker.Consecutive("model", threshold, window))
		require.NoError(t, err)
		require.Equal(t, breaker.Closed, b.State())
		fail(t, b, threshold-1)
		require.Equal(t, breaker.Closed, b.State(), "one below %d", threshold)
		fail(t, b, 1)
		require.Equal(t, breaker.Open, b.State(), "at %d", threshold)
	}
}

func TestSuccessStartsTheCountAgain(t *testing.T) {
	b := newBreaker(t)
	for range 5 {
		fail(t, b, 2)
		_, err := b.Do(t.Context(), succeed)
		require.NoError(t, err)
		require.Zero(t, b.Snapshot().Failures)
	}
	require.Equal(t, breaker.Closed, b.State())
	fail(t, b, 3)
	require.Equal(t, breaker.Open, b.State())
}

// One life of a breaker, read at every step.
func TestSnapshotAgreesWithWhatAllowDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		want := breaker.Snapshot{Name: "model", Threshold: 3, Recovery: window, Generation: 1, UntilOpen: 3, Share: 1}
		check := func(step string) {
			t.Helper()
			want.Rules = []breaker.RuleSnapshot{{Rule: "3 in a row", Bad: int64(want.Failures)}}
			require.Equal(t, want, b.Snapshot(), step)
			require.Equal(t, want.State, b.State(), step)
		}
		check("new")
		fail(t, b, 2)
		want.Failures, want.UntilOpen = 2, 1
		check("two failures")

		fail(t, b, 1)
		want.State, want.Failures, want.UntilOpen, want.Generation = breaker.Open, 3, 0, 2
		want.RetryAfter, want.Openings = window, 1
		check("opened")

		time.Sleep(window - 1)
		want.RetryAfter = 1
		check("one nanosecond before the end of the window")
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		want.Rejected = 1
		check("rejected")

		time.Sleep(time.Nanosecond)
		want.State, want.UntilOpen, want.RetryAfter = breaker.HalfOpen, 1, 0
		check("at the end of the window, before any call")
		probe := allow(t, b)
		want.Generation, want.Probes = 3, 1
		check("probing")

		b.Record(t.Context(), &probe, errDown)
		want.State, want.Failures, want.UntilOpen, want.Generation = breaker.Open, 4, 0, 4
		want.Probes, want.RetryAfter, want.Openings = 0, window, 2
		check("the probe failed")

		time.Sleep(window)
		_, err = b.Do(t.Context(), succeed)
		require.NoError(t, err)
		want.State, want.Failures, want.UntilOpen, want.Generation = breaker.Closed, 0, 3, 6
		want.RetryAfter = 0
		check("closed again")
	})
}

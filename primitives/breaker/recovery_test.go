package breaker_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestOpenRejectsWithoutCalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		fail(t, b, 3)
		time.Sleep(4 * time.Second)
		_, err := b.Do(t.Context(), func(context.Context) (int, error) {
			t.Error("called")
			return 0, nil
		})
		require.ErrorIs(t, err, breaker.ErrOpen)
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.Equal(t, "model", open.Name)
		require.Equal(t, breaker.Open, open.State)
		require.Equal(t, 6*time.Second, open.After())
		require.EqualError(t, err, `breaker: open: "model", next probe in 6s, opened by 3 in a row: connection refused`)
		require.Equal(t, outcome.Outcome{Kind: outcome.Ignored, After: 6 * time.Second}, outcome.Classify(t.Context(), err))

		time.Sleep(time.Minute)
		require.EqualValues(t, 1, open.After(), "never 0, which would mean that nothing was told")
	})
}

func TestProbeDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		fail(t, b, 3)

		time.Sleep(window)
		fail(t, b, 1) // the probe
		require.Equal(t, breaker.Open, b.State())
		_, err := b.Allow()
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.Equal(t, window, open.After(), "a whole new window")

		time.Sleep(window)
		_, err = b.Do(t.Context(), succeed)
		require.NoError(t, err)
		require.Equal(t, breaker.Closed, b.State())
		fail(t, b, 2)
		require.Equal(t, breaker.Closed, b.State(), "failures from before the recovery do not count")
	})
}

// The fault: failures of calls that were slow to fail prolonged the outage.
func TestLateFailuresDoNotPushTheWindowOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		slow := make([]breaker.Token, 20)
		for i := range slow {
			slow[i] = allow(t, b)
		}
		fail(t, b, 3)
		for i := range slow[:9] {
			time.Sleep(time.Second)
			b.Record(t.Context(), &slow[i], errDown)
			b.RecordFailure()
		}
		require.Equal(t, time.Second, b.Snapshot().RetryAfter)
		time.Sleep(time.Second)
		require.Equal(t, breaker.HalfOpen, b.State())
		require.Equal(t, 3, b.Snapshot().Failures)
	})
}

func TestNoRecoveryWindowMeansAProbeAtOnce(t *testing.T) {
	b, err := breaker.New(breaker.Consecutive("model", 1, 0))
	require.NoError(t, err)
	for range 1000 {
		fail(t, b, 1) // never rejected
		require.Equal(t, breaker.HalfOpen, b.State())
	}
	first := allow(t, b)
	_, err = b.Allow()
	require.ErrorIs(t, err, breaker.ErrOpen, "the crowd is kept off while the probe is out")
	b.Record(t.Context(), &first, nil)
	require.Equal(t, breaker.Closed, b.State())
}

func TestEndlessRecoveryWindowSaturates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Consecutive("model", 1, math.MaxInt64))
		require.NoError(t, err)
		time.Sleep(time.Hour)
		fail(t, b, 1)
		require.Equal(t, breaker.Open, b.State())
		require.Positive(t, b.Snapshot().RetryAfter)
		time.Sleep(24 * 365 * time.Hour)
		require.Equal(t, breaker.Open, b.State())
	})
}

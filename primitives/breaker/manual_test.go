package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

func TestManualOutcomesDriveTheSameStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		b.RecordFailure()
		b.RecordFailure()
		b.RecordSuccess()
		require.Zero(t, b.Snapshot().Failures)
		b.RecordFailure()
		fail(t, b, 1)
		b.RecordFailure()
		require.Equal(t, breaker.Open, b.State(), "failures of both kinds are one row")

		b.RecordSuccess()
		b.RecordFailure()
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, 3, b.Snapshot().Failures)

		time.Sleep(window)
		b.RecordFailure()
		require.Equal(t, window, b.Snapshot().RetryAfter, "opened again")

		time.Sleep(window)
		b.RecordSuccess()
		require.Equal(t, breaker.Closed, b.State())
		require.Zero(t, b.Snapshot().Stale)
	})
}

func TestTripAndReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		fail(t, b, 1)
		b.Trip()
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)

		time.Sleep(window / 2)
		b.Trip()
		require.Equal(t, window, b.Snapshot().RetryAfter, "the window begins anew")
		time.Sleep(window)
		require.Equal(t, breaker.HalfOpen, b.State(), "a trip recovers like any opening")

		allow(t, b)
		b.Trip()
		require.Equal(t, breaker.Open, b.State())
		require.Zero(t, b.Snapshot().Probes)

		b.Reset()
		require.Equal(t, breaker.Closed, b.State())
		require.Zero(t, b.Snapshot().Failures)
		fail(t, b, 2)
		b.Reset()
		fail(t, b, 2)
		require.Equal(t, breaker.Closed, b.State())
	})
}

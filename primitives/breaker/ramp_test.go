package breaker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// closing returns a breaker that a probe has just closed.
func closing(tb testing.TB, opts ...breaker.Option) *breaker.Breaker {
	tb.Helper()
	b, _ := on(tb, append([]breaker.Option{breaker.InARow(3)}, opts...)...)
	halfOpen(tb, b)
	play(tb, b, "s")
	require.Equal(tb, breaker.Closed, b.State())
	return b
}

// letIn is how many of n calls get in now.
func letIn(tb testing.TB, b *breaker.Breaker, n int) (in int) {
	tb.Helper()
	for range n {
		if t, err := b.Allow(); err == nil {
			b.Record(tb.Context(), &t, nil)
			in++
		}
	}
	return in
}

func TestRampLetsInMoreAndMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second))
		require.Equal(t, 10, letIn(t, b, 1000))
		require.Equal(t, 0.01, b.Snapshot().Share)
		for percent := 10; percent <= 90; percent += 10 {
			time.Sleep(10 * time.Second)
			require.InDelta(t, 10*percent, letIn(t, b, 1000), 3)
			require.InDelta(t, float64(percent)/100, b.Snapshot().Share, 1e-9)
		}
		time.Sleep(10 * time.Second)
		require.Equal(t, 1000, letIn(t, b, 1000))
		require.Equal(t, 1.0, b.Snapshot().Share)
	})
}

func TestRampAdmitsTheFirstAndSpreadsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second))
		require.Equal(t, 1, letIn(t, b, 1), "a lone caller is not turned away")
		time.Sleep(25 * time.Second)
		for range 40 {
			require.InDelta(t, 5, letIn(t, b, 20), 1, "in each twenty")
		}
	})
}

func TestRampTellsThoseHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second))
		before := b.Snapshot().Rejected
		allow(t, b)
		_, err := b.Allow()
		var open *breaker.OpenError
		require.True(t, errors.As(err, &open))
		require.Equal(t, breaker.Closed, open.State)
		require.Equal(t, time.Second, open.After())
		require.EqualError(t, err, `breaker: open: "model" is ramping up, try again in 1s`)
		require.Equal(t, before+1, b.Snapshot().Rejected)
	})
}

// Calls of a ramp are calls like others.
func TestFailuresDuringTheRampOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second))
		late := allow(t, b)
		time.Sleep(50 * time.Second)
		for failures := 0; failures < 3; {
			if token, err := b.Allow(); err == nil {
				b.Record(t.Context(), &token, errDown)
				failures++
			}
		}
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, 1.0, b.Snapshot().Share)
		b.Record(t.Context(), &late, nil)
		require.Equal(t, breaker.Open, b.State())
	})
}

// The end of the ramp begins no new generation: calls from within it count on.
func TestCallsOutliveTheRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second))
		early := allow(t, b)
		time.Sleep(100 * time.Second)
		require.Equal(t, 10, letIn(t, b, 10))
		fails := b.Snapshot().Failures
		b.Record(t.Context(), &early, errDown)
		require.Equal(t, fails+1, b.Snapshot().Failures)
		require.Zero(t, b.Snapshot().Stale)
	})
}

func TestOnlyProbesRampUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second))
		b.Reset()
		require.Equal(t, 100, letIn(t, b, 100))
		b.Trip()
		b.Reset()
		require.Equal(t, 100, letIn(t, b, 100))
	})
}

// A ramp shorter than its own measure still tells a time.
func TestShortestRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(1))
		allow(t, b)
		_, err := b.Allow()
		var open *breaker.OpenError
		require.True(t, errors.As(err, &open))
		require.EqualValues(t, 1, open.After())
	})
}

// A ramp and rules that have to see each call do not stand in each other's way.
func TestRampWithRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second), breaker.Hung(200*time.Second, 1), breaker.Rate(0.5, time.Hour, 5))
		allow(t, b)
		require.Equal(t, 9, letIn(t, b, 999))
		require.EqualValues(t, 9, b.Snapshot().Rules[2].Total, "those held back are not counted")
		time.Sleep(100 * time.Second)
		require.Equal(t, 10, letIn(t, b, 10))
		time.Sleep(100 * time.Second)
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen, "the call from within the ramp hangs")
	})
}

// A hung call is found out about also by those whom the ramp would hold back.
func TestRampDoesNotHideHungCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second), breaker.Hung(5*time.Second, 1))
		allow(t, b)
		time.Sleep(5 * time.Second)
		_, err := b.Allow()
		var open *breaker.OpenError
		require.True(t, errors.As(err, &open))
		require.Equal(t, breaker.Open, open.State)
	})
}

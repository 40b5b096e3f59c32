package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// gated returns a half-open breaker whose gate says what *wait says.
func gated(tb testing.TB, wait *time.Duration, opts ...breaker.Option) (b *breaker.Breaker, asked *int) {
	tb.Helper()
	asked = new(int)
	b = newBreaker(tb, append(opts, breaker.ProbeGate(func() time.Duration { *asked++; return *wait }))...)
	halfOpen(tb, b)
	return b, asked
}

func TestGateTurnsProbesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := 5 * time.Second
		b, asked := gated(t, &wait)
		for range 10 {
			_, err := b.Allow()
			var open *breaker.OpenError
			require.True(t, errors.As(err, &open))
			require.Equal(t, breaker.HalfOpen, open.State)
			require.Equal(t, 5*time.Second, open.After())
		}
		require.Equal(t, 1, *asked, "the others do not ask again")
		require.Zero(t, b.Snapshot().Probes, "nothing else changes")
		require.Equal(t, breaker.HalfOpen, b.State())
		require.EqualValues(t, 10, b.Snapshot().Rejected)

		wait = 0
		time.Sleep(5*time.Second - 1)
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		time.Sleep(time.Nanosecond)
		play(t, b, "s")
		require.Equal(t, 2, *asked)
		require.Equal(t, breaker.Closed, b.State())
		play(t, b, "sss")
		require.Equal(t, 2, *asked, "calls that are no probes do not ask")
	})
}

// The fault: looking at the state from a function of the user's was a deadlock.
func TestGateMayUseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *breaker.Breaker
		b = newBreaker(t, breaker.ProbeGate(func() time.Duration {
			if b.State() == breaker.HalfOpen && b.Snapshot().Probes == 1 {
				b.Reset()
			}
			return time.Second
		}))
		halfOpen(t, b)
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Equal(t, breaker.Closed, b.State())
		play(t, b, "s")
	})
}

func TestGateThatBreaksLetsProbesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.ProbeGate(func() time.Duration { panic("gate") }))
		halfOpen(t, b)
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
		require.EqualValues(t, 1, b.Snapshot().HookPanics)
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.ProbeGate(func() time.Duration { runtime.Goexit(); return 0 }))
		halfOpen(t, b)
		done := make(chan struct{})
		go func() { defer close(done); _, _ = b.Allow() }()
		<-done
		require.Zero(t, b.Snapshot().Probes, "no probe is out")
		b.RecordSuccess()
		require.Equal(t, breaker.Closed, b.State())
	})
}

// The fault: the first call after the recovery runs the hook. One that called
// runtime.Goexit took the goroutine and kept the place of its probe for a lease.
func TestAHookThatExitsKeepsNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exits := true
		b := newBreaker(t, breaker.OnChange(func(c breaker.Change) {
			if c.To == breaker.HalfOpen && exits {
				exits = false
				runtime.Goexit()
			}
		}))
		halfOpen(t, b)
		called := false
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = b.Do(context.Background(), func(context.Context) (int, error) { called = true; return 0, nil })
		}()
		<-done
		require.False(t, called)
		require.Zero(t, b.Snapshot().Probes)
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State(), "at once, not after a lease")
	})
}

func TestShadowDoesNotAskTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := time.Hour
		b, asked := gated(t, &wait, breaker.Start(breaker.Shadow))
		play(t, b, "s")
		require.Zero(t, *asked)
		require.Equal(t, breaker.Closed, b.State())
	})
}

// While a gate keeps others off, a probe that is out may still decide.
func TestGateDoesNotStopTheProbesThatAreOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := time.Duration(0)
		b, _ := gated(t, &wait, breaker.Probes(2))
		probe := allow(t, b)
		wait = 1<<63 - 1 // as long as can be
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Equal(t, 1, b.Snapshot().Probes)
		b.Record(t.Context(), &probe, nil)
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestNilGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.ProbeGate(nil))
		halfOpen(t, b)
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State())
	})
}

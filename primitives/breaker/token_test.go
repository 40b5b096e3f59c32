package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// An outcome counts for the state its call was admitted under: whatever comes
// later, from whichever earlier state, in whichever present one, changes nothing.
func TestStaleOutcomesChangeNothing(t *testing.T) {
	admitted := map[string]func(t *testing.T, b *breaker.Breaker) breaker.Token{
		"closed": func(t *testing.T, b *breaker.Breaker) breaker.Token { return allow(t, b) },
		"half-open": func(t *testing.T, b *breaker.Breaker) breaker.Token {
			halfOpen(t, b)
			return allow(t, b)
		},
	}
	arrives := map[string]func(t *testing.T, b *breaker.Breaker){
		"open":        func(_ *testing.T, b *breaker.Breaker) { b.Trip() },
		"half-open":   func(t *testing.T, b *breaker.Breaker) { halfOpen(t, b); allow(t, b) },
		"next closed": func(t *testing.T, b *breaker.Breaker) { halfOpen(t, b); b.RecordSuccess() },
		"after reset": func(_ *testing.T, b *breaker.Breaker) { b.Reset() },
	}
	outcomes := map[string]error{
		"success": nil, "failure": errDown, "ignored": outcome.AsIgnored(errDown), "permanent": outcome.AsPermanent(errDown),
	}
	for from, admit := range admitted {
		for to, arrive := range arrives {
			for name, err := range outcomes {
				t.Run(from+" call, "+name+" arrives in "+to, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						b := newBreaker(t)
						late := admit(t, b)
						arrive(t, b)
						want := b.Snapshot()
						for range 5 {
							again := late
							b.Record(t.Context(), &again, err)
						}
						want.Stale = 5
						require.Equal(t, want, b.Snapshot())
					})
				})
			}
		}
	}
}

// The trap with a success from before the opening, step by step: it arrives
// while the real probe is out.
func TestLateSuccessDoesNotCloseForTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		early := allow(t, b)
		fail(t, b, 3)
		time.Sleep(window)
		probe := allow(t, b)
		b.Record(t.Context(), &early, nil)
		require.Equal(t, breaker.HalfOpen, b.State())
		b.Record(t.Context(), &probe, errDown)
		require.Equal(t, breaker.Open, b.State())
	})
}

func TestTokenCountsOnce(t *testing.T) {
	b := newBreaker(t)
	token := allow(t, b)
	for range 5 {
		b.Record(t.Context(), &token, errDown)
	}
	require.Equal(t, 1, b.Snapshot().Failures)
	require.Equal(t, breaker.Token{}, token)
	require.Zero(t, b.Snapshot().Stale)
}

func TestNoTokenIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t)
		check := func() {
			t.Helper()
			want := b.Snapshot()
			for _, err := range []error{nil, errDown, outcome.AsIgnored(errDown)} {
				b.Record(t.Context(), nil, err)
				b.Record(t.Context(), &breaker.Token{}, err)
			}
			require.Equal(t, want, b.Snapshot())
		}
		check()
		b.Trip()
		check()
		time.Sleep(window)
		allow(t, b)
		check()
	})
}

func TestRejectedCallHasNoToken(t *testing.T) {
	b := newBreaker(t)
	b.Trip()
	token, err := b.Allow()
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.Equal(t, breaker.Token{}, token)
}

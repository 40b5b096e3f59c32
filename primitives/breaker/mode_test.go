package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
)

// The fault: a breaker that was opened by hand came back by itself.
func TestForcedOpenDoesNotExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(3))
		early := allow(t, b)
		b.SetMode(breaker.ForcedOpen)
		require.Equal(t, []breaker.Change{{
			Name: "model", From: breaker.Closed, To: breaker.Open, At: time.Now(), Cause: breaker.Manual,
			For: 1<<63 - 1, Mode: breaker.ForcedOpen,
		}}, s.changes)
		for range 100 {
			time.Sleep(365 * 24 * time.Hour / 100)
			for range 100 {
				_, err := b.Allow()
				var open *breaker.OpenError
				require.True(t, errors.As(err, &open))
				require.Equal(t, breaker.ForcedOpen, open.Mode)
				require.Equal(t, window, open.After(), "worth to ask again")
				require.EqualError(t, err, `breaker: open: "model" is forced open`)
			}
		}
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, window, b.Snapshot().RetryAfter)
		require.EqualValues(t, 10_000, b.Snapshot().Rejected)

		b.Trip()
		b.Reset()
		b.OpenFor(0)
		b.RecordSuccess()
		b.RecordFailure()
		b.Record(t.Context(), &early, nil)
		require.Equal(t, breaker.Open, b.State(), "nothing but another mode ends it")
		require.Len(t, s.changes, 1)

		b.SetMode(breaker.Active)
		require.Equal(t, breaker.Closed, b.State())
		play(t, b, "ffsfff")
		require.Equal(t, breaker.Open, b.State(), "as if new")
		time.Sleep(window)
		play(t, b, "s")
	})
}

func TestForcedOpenWithAShortRecovery(t *testing.T) {
	b, err := breaker.New(breaker.Consecutive("model", 1, 0, breaker.Start(breaker.ForcedOpen)))
	require.NoError(t, err)
	_, err = b.Do(t.Context(), succeed)
	var open *breaker.OpenError
	require.True(t, errors.As(err, &open))
	require.Equal(t, time.Second, open.After())
	require.Equal(t, breaker.Open, b.Snapshot().State)
	require.Equal(t, time.Second, b.Snapshot().RetryAfter)
}

func TestDisabledPassesAndCountsNothing(t *testing.T) {
	for name, rules := range map[string][]breaker.Option{
		"in a row": nil,
		"all":      {breaker.OutOf(1, 2), breaker.Rate(0.1, time.Minute, 1), breaker.Slow(time.Second, 0.1, time.Minute, 1), breaker.Hung(time.Second, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, append(rules, breaker.InARow(3))...)
				play(t, b, "")
				early := allow(t, b)
				b.SetMode(breaker.Disabled)
				allow(t, b)
				play(t, b, "ffffffffff..f")
				b.Trip()
				b.OpenFor(time.Hour)
				b.RecordFailure()
				require.Equal(t, breaker.Closed, b.State())
				got := b.Snapshot()
				require.Zero(t, got.Failures)
				require.Zero(t, got.Rejected)
				for _, r := range got.Rules {
					require.Zero(t, r.Bad, r.Rule)
				}
				require.Empty(t, s.changes)

				b.SetMode(breaker.Active)
				b.Record(t.Context(), &early, errDown)
				require.Zero(t, b.Snapshot().Failures, "a call from before")
				play(t, b, "f")
				require.Equal(t, 1, b.Snapshot().Failures)
			})
		})
	}
}

func TestDisablingClosesAnOpenBreaker(t *testing.T) {
	b, s := on(t, breaker.InARow(1))
	b.Trip()
	b.SetMode(breaker.Disabled)
	require.Equal(t, 10, letIn(t, b, 10))
	require.Len(t, s.changes, 2)
	b.SetMode(breaker.ForcedOpen)
	require.Zero(t, letIn(t, b, 10))
	b.SetMode(breaker.Disabled)
	require.Equal(t, 10, letIn(t, b, 10))
	s.requireChain(t)
}

// A shadow goes through the same states at the same times as an active breaker
// with the same calls, says so, and rejects nothing.
func TestShadowSaysWhatItWouldDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := []breaker.Option{
			breaker.InARow(3), breaker.Hung(time.Minute, 2), breaker.Ramp(8 * time.Second), breaker.Escalate(time.Minute, time.Minute),
		}
		active, want := on(t, rules...)
		shadow, got := on(t, append(rules, breaker.Start(breaker.Shadow))...)
		const script = "ffsfff.sf...sf......" + "fs.........." + ".......s.s.s.s.s.s.s.s.s" + "ffffff....."
		for _, letter := range script {
			if letter == '.' {
				time.Sleep(time.Second)
				continue
			}
			f := map[rune]func(context.Context) (int, error){'s': succeed, 'f': failing}[letter]
			_, _ = active.Do(t.Context(), f)
			_, err := shadow.Do(t.Context(), f)
			require.NotErrorIs(t, err, breaker.ErrOpen)
		}
		for i := range want.changes {
			want.changes[i].Mode = breaker.Shadow
		}
		require.Greater(t, len(want.changes), 4)
		require.Equal(t, want.changes, got.changes)
		a, s := active.Snapshot(), shadow.Snapshot()
		a.Mode = breaker.Shadow
		require.Positive(t, s.Rejected)
		require.Equal(t, a, s)
	})
}

// What a shadow lets pass although it would not counts for nothing.
func TestShadowCountsWhatItWouldHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.InARow(1), breaker.Start(breaker.Shadow))
		play(t, b, "f")
		before := b.Snapshot()
		play(t, b, "fffsss")
		after := b.Snapshot()
		require.EqualValues(t, 6, after.Rejected)
		after.Rejected = before.Rejected
		require.Equal(t, before, after)

		time.Sleep(window)
		probe := allow(t, b)
		play(t, b, "ss") // no probes: the slot is taken
		require.Equal(t, breaker.HalfOpen, b.State())
		b.Record(t.Context(), &probe, errDown)
		require.Equal(t, breaker.Open, b.State())
	})
}

// From one to the other the state stays, and takes effect at once.
func TestShadowAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(3))
		play(t, b, "ff")
		b.SetMode(breaker.Shadow)
		require.Equal(t, 2, b.Snapshot().Failures)
		play(t, b, "f")
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, 10, letIn(t, b, 10))
		b.SetMode(breaker.Active)
		require.Zero(t, letIn(t, b, 10))
		b.SetMode(breaker.Shadow)
		require.Equal(t, 10, letIn(t, b, 10))
		b.SetMode(breaker.Shadow)
		b.SetMode(breaker.Active)
		require.Len(t, s.changes, 1)
		time.Sleep(window - 1)
		require.Zero(t, letIn(t, b, 1))
		time.Sleep(time.Nanosecond)
		play(t, b, "s")
	})
}

func TestShadowRampsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := closing(t, breaker.Ramp(100*time.Second), breaker.Start(breaker.Shadow))
		before := b.Snapshot().Rejected
		require.Equal(t, 1000, letIn(t, b, 1000))
		require.Equal(t, before+990, b.Snapshot().Rejected)
	})
}

func TestUnknownModeIsNoMode(t *testing.T) {
	b, _ := on(t, breaker.InARow(1))
	b.SetMode(4)
	require.Equal(t, breaker.Active, b.Snapshot().Mode)
	require.ErrorContains(t, breaker.Consecutive("model", 1, 0, breaker.Start(4)).Validate(), "mode is 4, want at most 3")
	require.Equal(t, "unknown", breaker.Mode(4).String())
}

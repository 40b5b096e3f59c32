package breaker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// on returns a breaker with the rules given, and what its hook has seen.
func on(tb testing.TB, opts ...breaker.Option) (*breaker.Breaker, *seen) {
	tb.Helper()
	s := &seen{}
	b, err := breaker.New(breaker.On("model", window, opts...).With(breaker.OnChange(s.hook)))
	require.NoError(tb, err)
	return b, s
}

// play makes a call for each letter: f fails, s succeeds, i is ignored, p
// permanent, t throttled, and a dot lets a second pass.
func play(tb testing.TB, b *breaker.Breaker, script string) {
	tb.Helper()
	outcomes := map[rune]error{
		'f': errDown, 'i': outcome.AsIgnored(errDown), 'p': outcome.AsPermanent(errDown), 't': outcome.AsThrottled(errDown, 0),
	}
	for _, letter := range script {
		if letter == '.' {
			time.Sleep(time.Second)
			continue
		}
		_, err := b.Do(tb.Context(), func(context.Context) (int, error) { return 0, outcomes[letter] })
		require.Equal(tb, outcomes[letter], err)
	}
}

// lasting is a call of a certain length.
func lasting(d time.Duration, err error) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { time.Sleep(d); return 0, err }
}

// Each script leaves the breaker closed; one more failure opens it.
func TestRulesOpenAtExactlyTheirThreshold(t *testing.T) {
	rate := func(ratio float64, min int) breaker.Option { return breaker.Rate(ratio, 16*time.Second, min) }
	for name, tt := range map[string]struct {
		rule   breaker.Option
		script string
		met    string
	}{
		"in a row":                     {breaker.InARow(3), "fsff", "3 in a row"},
		"out of":                       {breaker.OutOf(3, 5), "fsfssfsf", "3 out of 5"},
		"out of, the first fall out":   {breaker.OutOf(3, 5), "ffsssfsf", "3 out of 5"},
		"out of, fewer than all":       {breaker.OutOf(3, 5), "ff", "3 out of 5"},
		"all out of":                   {breaker.OutOf(3, 3), "fsff", "3 out of 3"},
		"out of more than a word":      {breaker.OutOf(2, 70), "f" + repeat("s", 69) + "f" + repeat("s", 68), "2 out of 70"},
		"within":                       {breaker.Within(3, 5*time.Second), "f..fss...", "3 within 5s"},
		"within, the first too old":    {breaker.Within(3, 5*time.Second), "f...f...f.", "3 within 5s"},
		"within, others do not count":  {breaker.Within(3, 5*time.Second), "fiiipppt", "3 within 5s"},
		"within a nanosecond":          {breaker.Within(2, 1), "f.f.sf", "2 within 1ns"},
		"rate":                         {rate(0.5, 4), "sfs", "50% of 4 or more in 16s"},
		"rate, at least so many calls": {rate(0.5, 10), "fffffffff", "50% of 10 or more in 16s"},
		"rate, one call short":         {rate(0.5, 4), "ffs", "50% of 4 or more in 16s"},
		"rate, a hundredth":            {rate(0.07, 100), repeat("s", 93) + "ffffff", "7% of 100 or more in 16s"},
		"rate of one":                  {rate(1, 2), "f", "100% of 2 or more in 16s"},
		"rate, others do not count":    {rate(0.5, 4), "iiipppfss", "50% of 4 or more in 16s"},
		"rate, throttled is failed":    {rate(0.5, 4), "tss", "50% of 4 or more in 16s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, tt.rule)
				play(t, b, tt.script)
				require.Equal(t, breaker.Closed, b.State(), "one below")
				play(t, b, "f")
				require.Equal(t, breaker.Open, b.State(), "at the threshold")
				require.Len(t, s.changes, 1)
				require.Equal(t, breaker.Threshold, s.changes[0].Cause)
				require.Equal(t, tt.met, s.changes[0].Rule)
			})
		})
	}
}

func repeat(s string, n int) (all string) {
	for range n {
		all += s
	}
	return all
}

// The row of failures is broken all the time, so that the rule InARow never trips.
func TestHalfOfTheCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		row, _ := on(t, breaker.InARow(5))
		half, _ := on(t, breaker.Rate(0.5, 16*time.Second, 20))
		for range 9 {
			play(t, row, "sf")
			play(t, half, "sf")
		}
		require.Equal(t, breaker.Closed, half.State())
		play(t, row, "sf")
		play(t, half, "sf")
		require.Equal(t, breaker.Closed, row.State())
		require.Equal(t, breaker.Open, half.State())
	})
}

// A good outcome opens nothing, even if it is the one that makes the calls enough.
func TestSuccessNeverOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Rate(0.5, 16*time.Second, 4))
		play(t, b, "fffs")
		require.Equal(t, breaker.Closed, b.State())
		play(t, b, "f")
		require.Equal(t, breaker.Open, b.State())
	})
}

// A rule is checked at a failure. The successes that leave the window raise the
// share, and the next failure opens.
func TestTimeAloneNeverOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Rate(0.75, 16*time.Second, 4))
		play(t, b, "ssss")
		time.Sleep(8 * time.Second)
		play(t, b, "ffff")
		time.Sleep(8 * time.Second)
		require.EqualValues(t, 4, b.Snapshot().Rules[0].Total, "four of four")
		require.Equal(t, breaker.Closed, b.State())
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State(), "four of five")
		play(t, b, "f")
		require.Equal(t, breaker.Open, b.State())
	})
}

// The fault: a rate over admissions is diluted by the calls that hang, and a
// breaker all of whose calls fail stays closed.
func TestRateCountsCompletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Rate(0.5, 16*time.Second, 16))
		for range 30 {
			allow(t, b) // hangs
		}
		play(t, b, repeat("f", 16))
		require.Equal(t, breaker.Open, b.State())
	})
}

func TestRulesCombine(t *testing.T) {
	policy := func() []breaker.Option {
		return []breaker.Option{
			breaker.InARow(3), breaker.OutOf(4, 30), breaker.Rate(0.5, 16*time.Second, 6),
			breaker.Slow(time.Second, 0.5, 16*time.Second, 4), breaker.Hung(5*time.Second, 2),
		}
	}
	apart := "fs" + repeat(".", 17)
	for met, lead := range map[string]func(t *testing.T, b *breaker.Breaker){
		"3 in a row":              func(t *testing.T, b *breaker.Breaker) { play(t, b, "sfff") },
		"4 out of 30":             func(t *testing.T, b *breaker.Breaker) { play(t, b, apart+apart+apart+"f") },
		"50% of 6 or more in 16s": func(t *testing.T, b *breaker.Breaker) { play(t, b, "sfsfsf") },
		"2 running for 5s":        func(t *testing.T, b *breaker.Breaker) { allow(t, b); allow(t, b); time.Sleep(5 * time.Second) },
	} {
		t.Run(met, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, policy()...)
				lead(t, b)
				_, err := b.Allow()
				require.ErrorIs(t, err, breaker.ErrOpen)
				require.Equal(t, met, s.changes[0].Rule)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, policy()...)
		for range 2 {
			_, err := b.Do(t.Context(), lasting(time.Second, nil))
			require.NoError(t, err)
		}
		play(t, b, "s")
		_, err := b.Do(t.Context(), lasting(time.Second, nil))
		require.NoError(t, err)
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, "50% of 4 or more in 16s took 1s", s.changes[0].Rule)
	})
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(5), breaker.InARow(2), breaker.Rate(1, 16*time.Second, 9), breaker.Rate(0.5, 16*time.Second, 3))
		play(t, b, "fsf")
		require.Equal(t, "50% of 3 or more in 16s", s.changes[0].Rule, "several of a kind")
		b.Reset()
		play(t, b, "ff")
		require.Equal(t, "2 in a row", s.changes[2].Rule)
	})
}

// To the nanosecond, however many failures came before, and whatever succeeded between
// them.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Within(3, 10*time.Second))
		bad := func() int64 { return b.Snapshot().Rules[0].Bad }
		for range 10 {
			play(t, b, "fsss")
			time.Sleep(5*time.Second + 1)
			require.EqualValues(t, 1, bad()-bad()/2, "one, or two")
		}
		require.Equal(t, breaker.Closed, b.State(), "a third one always a nanosecond too late")
		require.EqualValues(t, 1, bad())
		play(t, b, "f")
		require.EqualValues(t, 2, bad())
		time.Sleep(4*time.Second + 1e9 - 1)
		require.EqualValues(t, 2, bad())
		play(t, b, "f")
		require.Equal(t, breaker.Open, b.State())
	})
}

// With one failure the rule is met at once, however short its duration.
func TestWithinOfOne(t *testing.T) {
	b, _ := on(t, breaker.Within(1, 1))
	play(t, b, "sf")
	require.Equal(t, breaker.Open, b.State())
}

// An outcome counts for fifteen sixteenths of the window at least, and for all of
// it at most, wherever it fell.
func TestWindowSlides(t *testing.T) {
	for _, at := range []time.Duration{0, 1, time.Second - 1, time.Second, 7*time.Second + 500*time.Millisecond, time.Hour - 1} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := on(t, breaker.Rate(0.5, 16*time.Second, 3))
			bad := func() int64 { return b.Snapshot().Rules[0].Bad }
			time.Sleep(at)
			play(t, b, "f")
			time.Sleep(15 * time.Second)
			require.EqualValues(t, 1, bad())
			time.Sleep(time.Second - 1)
			if at%time.Second == 0 {
				require.EqualValues(t, 1, bad(), "the last nanosecond of its bucket")
			}
			time.Sleep(time.Nanosecond)
			require.Zero(t, bad())
		})
	}
}

// The fault: figures that stand still while no call ends.
func TestIdleWindowEmptiesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Rate(0.5, 16*time.Second, 4))
		for _, idle := range []time.Duration{16 * time.Second, 17 * time.Second, 32 * time.Second, 1000 * time.Hour} {
			play(t, b, "fff")
			require.Equal(t, []breaker.RuleSnapshot{{Rule: "50% of 4 or more in 16s", Bad: 3, Total: 3}}, b.Snapshot().Rules)
			time.Sleep(idle)
			require.Equal(t, []breaker.RuleSnapshot{{Rule: "50% of 4 or more in 16s"}}, b.Snapshot().Rules)
			play(t, b, "f")
			require.Equal(t, breaker.Closed, b.State(), "three of them are long ago")
			time.Sleep(idle)
		}
	})
}

// The counts of a window are emptied from its end: whatever the idle time, no bucket of
// an earlier window is taken for one of the present window.
func TestAnIdleTimeOfAnyLengthForgets(t *testing.T) {
	for idle := 16 * time.Second; idle <= 49*time.Second; idle += time.Second {
		for bucket := range time.Duration(16) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := on(t, breaker.Rate(0.5, 16*time.Second, 2))
				time.Sleep(bucket * time.Second)
				play(t, b, "f")
				time.Sleep(idle)
				play(t, b, "f")
				require.Equal(t, breaker.Closed, b.State(), "%v idle, from the bucket %d on", idle, bucket)
				play(t, b, "f")
				require.Equal(t, breaker.Open, b.State())
			})
		}
	}
}

// What was counted before an opening is forgotten after it: otherwise the first
// failure after the recovery would open again.
func TestWindowsBeginAnewAfterClosing(t *testing.T) {
	for name, rule := range map[string]breaker.Option{
		"within": breaker.Within(3, time.Hour), "out of": breaker.OutOf(3, 10), "rate": breaker.Rate(0.5, time.Hour, 3),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := on(t, rule)
				play(t, b, "fff")
				require.Equal(t, breaker.Open, b.State())
				time.Sleep(window)
				play(t, b, "sff")
				require.Equal(t, breaker.Closed, b.State())
			})
		})
	}
}

// A call is judged by how long it took, whatever came of it, to the nanosecond.
func TestSlowCalls(t *testing.T) {
	rule := breaker.Slow(2*time.Second, 0.5, 160*time.Second, 4)
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, rule)
		for _, took := range []time.Duration{2*time.Second - 1, 2*time.Second - 1, 3 * time.Second, 2*time.Second - 1} {
			_, _ = b.Do(t.Context(), lasting(took, errDown))
		}
		require.Equal(t, []breaker.RuleSnapshot{{Rule: "50% of 4 or more in 2m40s took 2s", Bad: 1, Total: 4}}, b.Snapshot().Rules)
		_, _ = b.Do(t.Context(), lasting(2*time.Second, nil))
		require.Equal(t, breaker.Closed, b.State(), "2 of 5")
		_, _ = b.Do(t.Context(), lasting(2*time.Second, nil))
		require.Equal(t, breaker.Open, b.State(), "3 of 6, and a success at that")
		require.Len(t, s.changes, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, rule)
		for range 10 {
			_, _ = b.Do(t.Context(), lasting(time.Minute, outcome.AsIgnored(errDown)))
			b.RecordFailure()
		}
		require.Zero(t, b.Snapshot().Rules[0].Total, "what counts for nothing, and what was no call, is not measured")
	})
}

// A service that answers slowly is not up.
func TestSlowProbeHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Slow(5*time.Second, 0.5, time.Minute, 4), breaker.Slow(2*time.Second, 0.9, time.Minute, 4))
		halfOpen(t, b)
		_, err := b.Do(t.Context(), lasting(2*time.Second, nil))
		require.NoError(t, err)
		require.Equal(t, breaker.Open, b.State())
		time.Sleep(window)
		_, err = b.Do(t.Context(), lasting(2*time.Second-1, nil))
		require.NoError(t, err)
		require.Equal(t, breaker.Closed, b.State())
	})
}

// Calls that never come back are counted while they are under way.
func TestHungCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.Hung(5*time.Second, 3))
		tokens := make([]breaker.Token, 4)
		for i := range tokens {
			tokens[i] = allow(t, b)
			time.Sleep(time.Second)
		}
		require.Equal(t, breaker.Closed, b.State()) // they are 4, 3, 2 and 1 s old
		b.Record(t.Context(), &tokens[1], nil)
		time.Sleep(4*time.Second - 1)
		require.EqualValues(t, 2, b.Snapshot().Rules[0].Bad)
		require.Equal(t, breaker.Closed, b.State())
		play(t, b, "s")

		time.Sleep(time.Nanosecond)
		require.Equal(t, breaker.Open, b.State(), "of those three the last is 5 s old")
		require.Equal(t, window, b.Snapshot().RetryAfter)
		require.Empty(t, s.changes, "to look is no transition")
		_, err := b.Allow()
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Equal(t, "3 running for 5s", s.changes[0].Rule)

		b.Record(t.Context(), &tokens[0], nil)
		require.EqualValues(t, 1, b.Snapshot().Stale)
		time.Sleep(window)
		play(t, b, "s")
		require.Equal(t, breaker.Closed, b.State(), "the calls from before are not held against it")
		require.Zero(t, b.Snapshot().Rules[0].Bad)
	})
}

func TestHungCallsEndInAnyWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.Hung(5*time.Second, 1), breaker.Slow(3*time.Second, 1, time.Minute, 1))
		for _, err := range []error{nil, outcome.AsIgnored(errDown), outcome.AsPermanent(errDown), errDown} {
			_, _ = b.Do(t.Context(), lasting(2*time.Second, err))
		}
		goexit(t, b)
		require.Panics(t, func() {
			_, _ = b.Do(t.Context(), func(context.Context) (int, error) { panic("boom") })
		})
		time.Sleep(time.Hour)
		require.Zero(t, b.Snapshot().Rules[0].Bad)
		require.Equal(t, breaker.Closed, b.State())
		_, _ = b.Do(t.Context(), lasting(3*time.Second, nil))
		require.Equal(t, breaker.Open, b.State(), "both rules measure the same calls")
	})
}

// A manual outcome counts for the state that a look would have found.
func TestManualOutcomeFindsHungCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.Hung(5*time.Second, 1))
		allow(t, b)
		time.Sleep(5 * time.Second)
		b.RecordFailure()
		require.Len(t, s.changes, 1)
		require.Equal(t, breaker.Open, b.State())
		require.Zero(t, b.Snapshot().Failures)
	})
}

// With a recovery of 0, hung calls lead straight to a probe, and State says so.
func TestHungCallsWithoutRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.On("model", 0, breaker.Hung(5*time.Second, 1)))
		require.NoError(t, err)
		allow(t, b)
		time.Sleep(5 * time.Second)
		require.Equal(t, breaker.HalfOpen, b.State())
		b.RecordSuccess()
		require.Equal(t, breaker.Closed, b.State(), "as a probe")
	})
}

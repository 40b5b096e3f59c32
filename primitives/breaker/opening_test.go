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

// opened returns how long the last opening was meant to last.
func (s *seen) opened(tb testing.TB) time.Duration {
	tb.Helper()
	last := s.changes[len(s.changes)-1]
	require.Equal(tb, breaker.Open, last.To)
	return last.For
}

// reopen waits until b is half-open and lets the probe fail.
func reopen(tb testing.TB, b *breaker.Breaker) {
	tb.Helper()
	time.Sleep(b.Snapshot().RetryAfter)
	play(tb, b, "f")
	require.Equal(tb, breaker.Open, b.State())
}

func TestEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Escalate(time.Minute, 30*time.Second))
		play(t, b, "f")
		for _, want := range []time.Duration{10, 20, 40, 60, 60, 60} {
			require.Equal(t, want*time.Second, s.opened(t))
			require.Equal(t, want*time.Second, b.Snapshot().RetryAfter)
			reopen(t, b)
		}
		require.Equal(t, 7, b.Snapshot().Openings)

		time.Sleep(time.Minute)
		play(t, b, "s")
		time.Sleep(30*time.Second - 1)
		play(t, b, "f")
		require.Equal(t, time.Minute, s.opened(t), "it was not healthy for long enough")

		time.Sleep(time.Minute)
		play(t, b, "s")
		time.Sleep(30 * time.Second)
		play(t, b, "f")
		require.Equal(t, 10*time.Second, s.opened(t), "a whole healthy period")
		require.Equal(t, 1, b.Snapshot().Openings)
	})
}

func TestEscalationEndsWithClosingByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Escalate(time.Hour, 0))
		play(t, b, "f")
		reopen(t, b)
		require.Equal(t, 20*time.Second, s.opened(t))
		time.Sleep(20 * time.Second)
		play(t, b, "sf")
		require.Equal(t, 10*time.Second, s.opened(t))
	})
}

// An opening from outside neither escalates nor hides that the breaker was healthy.
func TestManualOpeningsDoNotEscalate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Escalate(time.Hour, time.Minute))
		play(t, b, "f")
		reopen(t, b)
		reopen(t, b)
		b.Trip()
		require.Equal(t, 10*time.Second, b.Snapshot().RetryAfter)
		require.Equal(t, 3, b.Snapshot().Openings)
		time.Sleep(10 * time.Second)
		play(t, b, "s")

		time.Sleep(time.Minute)
		b.OpenFor(time.Second)
		require.Equal(t, time.Second, s.opened(t))
		require.Zero(t, b.Snapshot().Openings)
		reopen(t, b)
		require.Equal(t, 10*time.Second, s.opened(t), "the first after a healthy period")

		reopen(t, b)
		b.Recover()
		play(t, b, "f")
		require.Equal(t, 40*time.Second, s.opened(t), "no healthy period in between")
		b.Reset()
		play(t, b, "f")
		require.Equal(t, 10*time.Second, s.opened(t), "a reset forgets the others")
	})
}

// Very many openings, and very long ones, stay at the limit.
func TestEscalationSaturates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s seen
		b, err := breaker.New(breaker.Consecutive("model", 1, 1, breaker.Escalate(math.MaxInt64, time.Hour), breaker.OnChange(s.hook)))
		require.NoError(t, err)
		play(t, b, "f")
		for range 70 {
			b.OpenFor(0)
			play(t, b, "f")
		}
		require.Equal(t, time.Duration(math.MaxInt64), s.opened(t))
		require.Equal(t, breaker.Open, b.State())
	})
}

func TestJitterSpreadsDownward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Escalate(20*time.Second, 0), breaker.Jitter(0.25))
		counts := map[time.Duration]int{} // by second
		for range 1000 {
			b.Reset()
			play(t, b, "f")
			reopen(t, b)
			d := s.opened(t)
			require.LessOrEqual(t, d, 20*time.Second, "the limit holds")
			require.GreaterOrEqual(t, d, 15*time.Second)
			require.Equal(t, d, b.Snapshot().RetryAfter)
			counts[d/time.Second]++
		}
		for second := time.Duration(15); second < 20; second++ {
			require.InDelta(t, 200, counts[second], 80, "evenly, also at the limit")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Jitter(1))
		for range 1000 {
			b.Reset()
			play(t, b, "f")
			require.LessOrEqual(t, s.opened(t), window)
			require.GreaterOrEqual(t, s.opened(t), time.Duration(0))
		}
	})
}

// throttled calls through b, and the service asks to be left alone.
func throttled(tb testing.TB, b *breaker.Breaker, after time.Duration) {
	tb.Helper()
	_, err := b.Do(tb.Context(), func(context.Context) (int, error) { return 0, outcome.AsThrottled(errDown, after) })
	require.ErrorIs(tb, err, errDown)
}

func TestServerDelayIsObeyed(t *testing.T) {
	const limit = 40 * time.Second
	for name, tt := range map[string]struct {
		after, want time.Duration
	}{
		"longer":               {25 * time.Second, 25 * time.Second},
		"shorter":              {time.Second, window},
		"too long":             {time.Hour, limit},
		"without an end":       {math.MaxInt64, limit},
		"nothing told":         {0, window},
		"negative":             {-5, window},
		"the most negative":    {math.MinInt64, window},
		"the shortest of all":  {1, window},
		"exactly as computed":  {window, window},
		"exactly at the limit": {limit, limit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, breaker.InARow(1), breaker.ObeyUpTo(limit), breaker.Escalate(time.Hour, 0), breaker.Jitter(1e-12))
				throttled(t, b, tt.after)
				require.InDelta(t, tt.want, s.opened(t), 1)
				time.Sleep(b.Snapshot().RetryAfter)
				throttled(t, b, 30*time.Second)
				require.Equal(t, 30*time.Second, s.opened(t), "a probe is told, too")
				time.Sleep(b.Snapshot().RetryAfter)
				throttled(t, b, 30*time.Second)
				require.InDelta(t, 40*time.Second, s.opened(t), 1, "escalated beyond that")
			})
		})
	}
}

// The fault: a service that sheds asks for a second each time, and each of these
// openings lasted a second, however often the service had failed before.
func TestAShortServerDelayDisarmsNoEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Escalate(time.Minute, 30*time.Second))
		for i, want := range []time.Duration{10, 20, 40, 60, 60} {
			throttled(t, b, time.Second)
			require.Equal(t, want*time.Second, s.opened(t))
			require.Equal(t, want*time.Second, b.Snapshot().RetryAfter)
			require.Equal(t, i+1, b.Snapshot().Openings)
			time.Sleep(want * time.Second)
		}
	})
}

// What a classifier of the user's tells may be anything.
func TestServerDelayFromAClassifierIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1), breaker.Classify(func(context.Context, error) outcome.Outcome {
			return outcome.Outcome{Kind: outcome.Throttled, After: -time.Hour}
		}))
		play(t, b, "f")
		require.Equal(t, window, s.opened(t))
	})
}

// A throttled call need not be the one that opens: what it told is good until it
// is over, or the breaker has opened or closed.
func TestServerDelayIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(3))
		throttled(t, b, 50*time.Second)
		throttled(t, b, 30*time.Second)
		play(t, b, ".....f")
		require.Equal(t, 45*time.Second, s.opened(t), "the latest of all ends")

		time.Sleep(45 * time.Second)
		play(t, b, "s")
		throttled(t, b, 5*time.Second)
		play(t, b, "......ff")
		require.Equal(t, window, s.opened(t), "that time is over")

		b.Reset()
		throttled(t, b, 50*time.Second)
		b.OpenFor(time.Second)
		time.Sleep(time.Second)
		play(t, b, "f")
		require.Equal(t, window, s.opened(t), "an opening from outside knows better")

		b.Reset()
		throttled(t, b, 50*time.Second)
		b.Reset()
		play(t, b, "fff")
		require.Equal(t, window, s.opened(t))
	})
}

func TestServerDelayOfAStaleCallIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := on(t, breaker.InARow(1))
		early := allow(t, b)
		play(t, b, "f")
		time.Sleep(window)
		probe := allow(t, b)
		b.Record(t.Context(), &early, outcome.AsThrottled(errDown, 50*time.Second))
		b.Record(t.Context(), &probe, errDown)
		require.Equal(t, window, s.opened(t))
	})
}

func TestServerDelayLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		recovery time.Duration
		opts     []breaker.Option
		want     time.Duration
	}{
		"by default, a minute":        {time.Second, nil, time.Minute},
		"by default, the recovery":    {5 * time.Minute, nil, 5 * time.Minute},
		"not at all":                  {time.Second, []breaker.Option{breaker.ObeyUpTo(0)}, time.Second},
		"also if the recovery is 0":   {0, nil, time.Minute},
		"as long as the user says":    {time.Second, []breaker.Option{breaker.ObeyUpTo(time.Hour)}, time.Hour},
		"also if there is no waiting": {0, []breaker.Option{breaker.ObeyUpTo(0)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s seen
				b, err := breaker.New(breaker.Consecutive("model", 1, tt.recovery, tt.opts...).With(breaker.OnChange(s.hook)))
				require.NoError(t, err)
				throttled(t, b, 24*time.Hour)
				require.Equal(t, tt.want, s.opened(t))
			})
		})
	}
}

func TestCloseAfter(t *testing.T) {
	for name, tt := range map[string]struct {
		passes, of int
		probes     string
		open       bool
	}{
		"1 of 1 passes":             {1, 1, "s", false},
		"1 of 1 fails":              {1, 1, "f", true},
		"3 of 3":                    {3, 3, "sss", false},
		"3 of 3, the last fails":    {3, 3, "ssf", true},
		"3 of 5":                    {3, 5, "sffss", false},
		"3 of 5 out of reach":       {3, 5, "sfff", true},
		"1 of 3":                    {1, 3, "ffs", false},
		"1 of 3, none":              {1, 3, "fff", true},
		"ignored ones do not count": {2, 3, "iiiipppps" + "i" + "f" + "is", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := on(t, breaker.InARow(2), breaker.CloseAfter(tt.passes, tt.of))
				halfOpen(t, b)
				last := len(tt.probes) - 1
				play(t, b, tt.probes[:last])
				require.Equal(t, breaker.HalfOpen, b.State())
				play(t, b, tt.probes[last:])
				require.Equal(t, tt.open, b.State() == breaker.Open)
				require.Equal(t, !tt.open, b.State() == breaker.Closed)
				require.Len(t, s.changes, 3)
				require.Equal(t, breaker.Probe, s.changes[2].Cause)
			})
		})
	}
}

// Half-open, the snapshot tells how many probes have to fail.
func TestUntilOpenOfProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := on(t, breaker.InARow(2), breaker.CloseAfter(2, 5))
		halfOpen(t, b)
		require.Equal(t, 4, b.Snapshot().UntilOpen)
		play(t, b, "fsf")
		require.Equal(t, 2, b.Snapshot().UntilOpen)
	})
}

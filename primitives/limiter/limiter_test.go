package limiter_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

const ms = time.Millisecond

func TestTheBurstFirstAndThenTheRate(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(10, limiter.Burst(3)))
		for i, at := range []time.Duration{0, 0, 0, 100 * ms, 200 * ms, 300 * ms} {
			require.NoError(t, l.Wait(t.Context(), 1))
			require.Equal(t, at, since(), i)
		}
		time.Sleep(time.Hour) // the burst is there again, and no more than that
		for range 3 {
			require.NoError(t, l.Try(1))
		}
		require.Equal(t, 100*ms, refused(t, l, 1))
		require.Equal(t, 300*ms, refused(t, l, 3))
	})
}

func TestACostIsSoManyUnits(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(ms, limiter.Burst(1000)))
		for _, tt := range []struct {
			cost int
			at   time.Duration
		}{{1000, 0}, {300, 300 * ms}, {700, 1000 * ms}, {0, 1000 * ms}, {1, 1001 * ms}} {
			require.NoError(t, l.Wait(t.Context(), tt.cost))
			require.Equal(t, tt.at, since(), tt.cost)
		}
		s := l.Snapshot()
		require.Equal(t, uint64(5), s.Admitted)
		require.Equal(t, uint64(2001), s.Units)
	})
}

func TestATryTakesWhatItToldToWaitFor(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		for _, p := range []limiter.Policy{
			limiter.PerSecond(3), limiter.PerSecond(7e8, limiter.Burst(1e9)), limiter.PerSecond(1.0/3600, limiter.Burst(7)),
			limiter.Every(time.Hour*24*365, limiter.Burst(30)), limiter.PerSecond(1e12, limiter.Burst(largest)),
		} {
			l := newLimiter(t, p)
			all := l.Snapshot().Burst
			require.NoError(t, l.Try(all))
			for range 10 {
				cost := max(all/3, 1)
				after := refused(t, l, cost)
				if after > 1 {
					time.Sleep(after - 1)
					require.Equal(t, time.Duration(1), refused(t, l, cost))
				}
				time.Sleep(time.Nanosecond)
				require.NoError(t, l.Try(cost))
			}
		}
	})
}

// Rounding adds up to nothing, neither in the rate nor in the burst.
func TestNothingDrifts(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(3, limiter.Burst(7)))
		for range 7 {
			require.NoError(t, l.Try(1), "the burst, one by one")
		}
		for range 30_000 {
			require.NoError(t, l.Wait(t.Context(), 1))
		}
		require.InDelta(t, 10_000*time.Second, since(), float64(30*time.Microsecond))
	})
}

func TestACostThatCannotBeMet(t *testing.T) {
	l := newLimiter(t, limiter.PerSecond(1, limiter.Name("api"), limiter.Burst(10)))
	for _, cost := range []int{11, math.MaxInt, -1, math.MinInt} {
		for _, err := range []error{l.Try(cost), l.Wait(t.Context(), cost)} {
			require.ErrorIs(t, err, limiter.ErrCost)
			var e *limiter.CostError
			require.ErrorAs(t, err, &e)
			require.Equal(t, limiter.CostError{Name: "api", Cost: cost, Burst: 10}, *e)
			require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
		}
	}
	require.Zero(t, l.Snapshot().Units)
	require.EqualError(t, l.Try(11), `limiter "api": cost 11 is above the burst 10`)
	require.EqualError(t, l.Try(-1), `limiter "api": cost -1 is below 0`)
}

// A cost of 0 passes, even if others wait or the limiter pauses.
func TestNoCost(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Hour))
		l.Penalize(time.Hour)
		waits := later(l, t.Context(), 1)
		require.NoError(t, l.Try(0))
		require.NoError(t, l.Wait(t.Context(), 0))
		require.Zero(t, since())
		require.NoError(t, <-waits)
		require.Zero(t, l.Snapshot().Waiting)
	})
}

func TestAnErrorTellsWhenToComeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.Every(2*time.Second, limiter.Name("api")))
		require.NoError(t, l.Try(1))
		err := l.Try(1)
		require.ErrorIs(t, err, limiter.ErrLimit)
		require.EqualError(t, err, `limiter "api": too early, try again in 2s`)
		require.Equal(t, outcome.Outcome{Kind: outcome.Ignored, After: 2 * time.Second}, outcome.Classify(t.Context(), err))
		require.EqualError(t, newLimiter(t, limiter.PerSecond(1)).Try(5), "limiter: cost 5 is above the burst 1")
	})
}

func TestDoWaitsCallsAndRecords(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(5)))
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "caller's")
		v, err := l.Do(ctx, 5, func(ctx context.Context) (int, error) {
			assert.Equal(t, "caller's", ctx.Value(key{}))
			return 7, nil
		})
		require.NoError(t, err)
		require.Equal(t, 7, v)
		down := errors.New("down")
		_, err = l.Do(ctx, 2, func(context.Context) (int, error) { return 0, down })
		require.Equal(t, down, err)
		require.Equal(t, 2*time.Second, since())
		require.Zero(t, l.Snapshot().Penalties, "a failure is no penalty")
		v, err = l.Do(ctx, 1, func(context.Context) (int, error) { return 3, outcome.AsThrottled(down, time.Minute) })
		require.ErrorIs(t, err, down)
		require.Equal(t, 3, v)
		require.Equal(t, time.Minute, l.Snapshot().Paused)
		_, err = l.Do(ctx, 6, func(context.Context) (int, error) { panic("not called") })
		require.ErrorIs(t, err, limiter.ErrCost)
	})
}

func TestDoLetsAPanicThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, limiter.PerSecond(1e9))
		require.PanicsWithValue(t, "f", func() {
			_, _ = l.Do(t.Context(), 1, func(context.Context) (int, error) { panic("f") })
		})
		done := make(chan bool)
		go func() {
			defer close(done)
			_, _ = l.Do(t.Context(), 1, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
		}()
		<-done
		require.NoError(t, l.Try(1))
	})
}

func TestTheClassifierDecides(t *testing.T) {
	busy := errors.New("busy")
	l := newLimiter(t, limiter.PerSecond(1, limiter.Classify(func(_ context.Context, err error) outcome.Outcome {
		if errors.Is(err, busy) {
			return outcome.Outcome{Kind: outcome.Throttled, After: time.Hour}
		}
		return outcome.Outcome{}
	}), limiter.MaxPause(time.Minute)))
	l.Record(t.Context(), nil)
	l.Record(t.Context(), outcome.AsThrottled(errors.New("other"), time.Hour))
	require.Zero(t, l.Snapshot().Penalties)
	l.Record(t.Context(), busy)
	require.InDelta(t, time.Minute, l.Snapshot().Paused, float64(time.Minute/2))
}

// A new policy holds for waiters, too.
func TestSetWhileOthersWait(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Hour, limiter.Burst(2)))
		require.NoError(t, l.Try(2))
		first, second := later(l, t.Context(), 1), later(l, t.Context(), 2)
		time.Sleep(time.Minute)
		require.NoError(t, l.Set(limiter.Every(time.Second, limiter.Burst(2))))
		require.NoError(t, <-first)
		require.Equal(t, time.Minute+983*ms, since().Round(ms), "the minute has paid for a 60th of a unit")
		require.NoError(t, l.Set(limiter.Every(time.Minute)))
		require.ErrorIs(t, <-second, limiter.ErrCost)
		require.Less(t, since(), 2*time.Minute, "it does not wait in vain")
	})
}

func TestSetKeepsWhatIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(10)))
		require.NoError(t, l.Try(4))
		for _, tt := range []struct {
			p    limiter.Policy
			left int
		}{
			{limiter.Every(time.Hour, limiter.Burst(10)), 6},
			{limiter.Every(time.Hour, limiter.Burst(20)), 6},
			{limiter.PerSecond(7, limiter.Burst(5)), 5},
			{limiter.PerSecond(1e9, limiter.Burst(1e6)), 5},
		} {
			require.NoError(t, l.Set(tt.p))
			require.Equal(t, tt.left, l.Snapshot().Available)
		}
		err := l.Set(limiter.PerSecond(-1))
		require.ErrorIs(t, err, limiter.ErrPolicy)
		require.Equal(t, 1e9, l.Snapshot().Rate, "an invalid policy changes nothing")
	})
}

// The fault: a limiter that had been used in a bubble of virtual time, where it was
// later, admitted no call until that time came again.
func TestALimiterInSeveralBubbles(t *testing.T) {
	l := newLimiter(t, limiter.Every(time.Second))
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			for range 5 {
				require.NoError(t, l.Wait(t.Context(), 1))
			}
			require.LessOrEqual(t, time.Since(begun), 5*time.Second)
			time.Sleep(time.Hour)
			require.NoError(t, l.Try(1))
		})
	}
}

func TestNoAllocationWithoutAWait(t *testing.T) {
	l := newLimiter(t, limiter.PerSecond(1e9, limiter.Burst(1e9)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := func(context.Context) (int, error) { return 0, nil }
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_ = l.Wait(ctx, 3)
		_ = l.Try(1)
		_, _ = l.Do(ctx, 1, f)
		_ = l.Snapshot()
	}))
}

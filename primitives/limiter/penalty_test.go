package limiter_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

// admissions takes one unit after the other and returns when.
func admissions(t *testing.T, l *limiter.Limiter, n int, since func() time.Duration) []time.Duration {
	t.Helper()
	var at []time.Duration
	for range n {
		require.NoError(t, l.Wait(t.Context(), 1))
		at = append(at, since())
	}
	return at
}

func TestAPenaltyIsForAll(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(5)))
		require.NoError(t, l.Try(5))
		waits := later(l, t.Context(), 1) // it would be admitted at 1 s
		l.Penalize(10 * time.Second)
		require.Equal(t, 10*time.Second, l.Snapshot().Paused)
		require.Zero(t, l.Snapshot().Available)
		require.NoError(t, <-waits)
		require.Equal(t, 11*time.Second, since(), "what was missing is paid after the pause")
		require.Equal(t, uint64(1), l.Snapshot().Penalties)
	})
}

// A pause pays back no debt, whatever the burst: the unit that was due in 1 s comes 1 s after
// the end of the pause.
func TestAPauseAddsToWhatIsDue(t *testing.T) {
	for _, burst := range []int{1, 2, 5} {
		bubble(t, func(t *testing.T, since func() time.Duration) {
			l := newLimiter(t, limiter.Every(2*time.Second, limiter.Burst(burst)))
			require.NoError(t, l.Try(burst))
			time.Sleep(time.Second)
			require.Equal(t, time.Second, refused(t, l, 1))
			l.Penalize(3 * time.Second)
			require.Equal(t, 4*time.Second, refused(t, l, 1))
			require.Equal(t, []time.Duration{5 * time.Second, 7 * time.Second, 9 * time.Second}, admissions(t, l, 3, since))
		})
	}
}

// The fault: after a pause the burst is full, and the service that asked to be left
// alone gets all of it at once.
func TestAPenaltyTakesTheBurst(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(100)))
		l.Penalize(time.Minute)
		require.Equal(t, time.Minute, refused(t, l, 1))
		require.Equal(t, time.Minute+4*time.Second, refused(t, l, 5))
		require.Equal(t, []time.Duration{60 * time.Second, 61 * time.Second, 62 * time.Second}, admissions(t, l, 3, since))
	})
}

func TestTheLongestPauseHolds(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(3)))
		l.Penalize(20 * time.Second)
		l.Penalize(5 * time.Second)
		l.Penalize(-time.Hour)
		l.Penalize(0)
		require.Equal(t, 20*time.Second, l.Snapshot().Paused)
		time.Sleep(15 * time.Second)
		l.Penalize(10 * time.Second)
		require.Equal(t, []time.Duration{25 * time.Second, 26 * time.Second}, admissions(t, l, 2, since))
	})
}

func TestAPauseIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(1))
		l.Penalize(math.MaxInt64)
		require.Equal(t, limiter.DefaultMaxPause, refused(t, l, 1))
		l = newLimiter(t, limiter.PerSecond(1, limiter.MaxPause(math.MaxInt64)))
		time.Sleep(time.Hour)
		l.Penalize(math.MaxInt64)
		require.Greater(t, refused(t, l, 1), 30*365*24*time.Hour)
		l.Penalize(math.MaxInt64)
		require.Error(t, l.Try(1))
		require.NoError(t, l.Set(limiter.PerSecond(2)))
		require.Positive(t, l.Snapshot().Paused, "a pause remains")
	})
}

func TestWithoutAPauseTheBurstGoes(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(9)))
		l.Penalize(0)
		require.NoError(t, l.Try(1))
		require.Equal(t, time.Second, refused(t, l, 1))
		l.Penalize(0)
		require.Equal(t, time.Second, refused(t, l, 1), "what is not there cannot go")
	})
}

func TestAdaptiveHalvesAndGrows(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(100, limiter.Adaptive(20, time.Second)))
		rate := func() float64 { return l.Snapshot().Rate }
		l.Penalize(5 * time.Second)
		l.Penalize(5 * time.Second) // of a call that was under way with the first
		require.Equal(t, 50.0, rate())
		time.Sleep(6*time.Second - 1)
		require.Equal(t, 50.0, rate())
		time.Sleep(time.Nanosecond)
		require.Equal(t, 60.0, rate())
		l.Penalize(0)
		require.Equal(t, 30.0, rate())
		time.Sleep(time.Second)
		require.Equal(t, 40.0, rate())
		l.Penalize(0)
		require.Equal(t, 20.0, rate())
		time.Sleep(time.Second)
		l.Penalize(0)
		require.Equal(t, 20.0, rate(), "not below the lowest")
		time.Sleep(8 * time.Second)
		require.Equal(t, 100.0, rate())
		time.Sleep(time.Hour)
		require.Equal(t, 100.0, rate(), "and no more than whole")
		require.NoError(t, l.Set(limiter.PerSecond(100, limiter.Adaptive(45, time.Second))))
		l.Penalize(0)
		time.Sleep(time.Second)
		l.Penalize(0)
		require.Equal(t, 45.0, rate())
		time.Sleep(time.Hour)
		require.Equal(t, 100.0, rate(), "even if the last step would lead beyond it")
	})
}

// The fault: the end of a step without end was before its begin, and the rate was
// whole again at once.
func TestAStepWithoutEnd(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(100, limiter.Adaptive(20, math.MaxInt64)))
		time.Sleep(time.Hour)
		l.Penalize(time.Second)
		time.Sleep(24 * time.Hour)
		require.Equal(t, 50.0, l.Snapshot().Rate)
		l.Penalize(time.Second)
		require.Equal(t, 50.0, l.Snapshot().Rate)
	})
}

// Each second has its own rate, even for a call that waits through all of them.
func TestAdaptiveAdmitsAtTheRateOfTheMoment(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(100, limiter.Burst(1000), limiter.Adaptive(1, time.Second)))
		require.NoError(t, l.Try(1000))
		l.Penalize(0)
		// 50 in the first second, then 60, 70, 80, 90, and 100 from the sixth on.
		require.NoError(t, l.Wait(t.Context(), 50+60+70+80+90+100+100))
		require.InDelta(t, 7*time.Second, since(), 10)
		for range 100 {
			require.NoError(t, l.Wait(t.Context(), 1))
		}
		require.InDelta(t, 8*time.Second, since(), 100)
	})
}

// A service that takes 40 a second and throttles beyond it, behind a limiter that
// believes in 100: with Adaptive most calls are not throttled.
func TestAdaptiveFindsTheRate(t *testing.T) {
	run := func(opts ...limiter.Option) (served, throttled int) {
		bubble(t, func(t *testing.T, since func() time.Duration) {
			l := newLimiter(t, limiter.PerSecond(100, opts...))
			service := newLimiter(t, limiter.PerSecond(40, limiter.Burst(5)))
			for since() < 10*time.Minute {
				require.NoError(t, l.Wait(t.Context(), 1))
				if service.Try(1) == nil {
					served++
				} else {
					throttled++
					l.Penalize(100 * ms)
				}
			}
		})
		return served, throttled
	}
	_, plain := run()
	served, adaptive := run(limiter.Adaptive(10, time.Second))
	require.Less(t, 2*adaptive, plain)
	require.Greater(t, served, 600*40*7/10, "and most of what the service can do is used")
}

func TestSetEndsASlowdown(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.PerSecond(100, limiter.Adaptive(20, time.Second)))
		l.Penalize(0)
		require.NoError(t, l.Set(limiter.PerSecond(80)))
		require.Equal(t, 80.0, l.Snapshot().Rate)
		l.Penalize(0)
		require.Equal(t, 80.0, l.Snapshot().Rate)
	})
}

package limiter_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

// never is the function of a call that is not to be told anything.
func never(t *testing.T) func(error) {
	return func(error) { t.Error("the function has been called") }
}

func TestEnlistAdmitsAtOnce(t *testing.T) {
	l := newLimiter(t, limiter.Every(time.Hour, limiter.Burst(3)))
	for _, cost := range []int{2, 1, 0} {
		place, err := l.Enlist(t.Context(), cost, never(t))
		require.NoError(t, err)
		require.False(t, place.Waits())
		require.False(t, place.Leave())
	}
	s := l.Snapshot()
	require.EqualValues(t, 3, s.Admitted)
	require.EqualValues(t, 3, s.Units)
}

func TestEnlistReturnsAnErrorAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, _ func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Name("api")))
		require.NoError(t, l.Try(1))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second-1)
		defer cancel()
		for want, call := range map[error]func() (limiter.Place, error){
			context.Canceled:         func() (limiter.Place, error) { return l.Enlist(ended, 1, never(t)) },
			context.DeadlineExceeded: func() (limiter.Place, error) { return l.Enlist(hurried, 1, never(t)) },
			limiter.ErrCost:          func() (limiter.Place, error) { return l.Enlist(t.Context(), 2, never(t)) },
			limiter.ErrCall:          func() (limiter.Place, error) { return l.Enlist(t.Context(), 1, nil) },
		} {
			place, err := call()
			require.ErrorIs(t, err, want)
			require.ErrorContains(t, err, `limiter "api": `)
			require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
			require.False(t, place.Waits())
		}
		s := l.Snapshot()
		require.EqualValues(t, []uint64{1, 1, 1, 0}, []uint64{s.Admitted, s.Refused, s.Cancelled, uint64(s.Waiting)})
	})
}

// A deadline that is exactly the time of the wait is kept.
func TestEnlistJustInTime(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		told := make(chan error, 1)
		place, err := l.Enlist(ctx, 1, func(err error) { told <- err })
		require.NoError(t, err)
		require.True(t, place.Waits())
		require.NoError(t, <-told)
		require.Equal(t, time.Second, since())
		require.False(t, place.Leave())
		require.True(t, place.Waits(), "it tells what Enlist did")
	})
}

// Calls that block and calls that enlist wait in one line, whatever they cost.
func TestEnlistedCallsAndBlockedOnesShareTheOrder(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(3)))
		require.NoError(t, l.Try(3))
		var line []<-chan error
		come := mix(0b01100101)
		for i := range 16 {
			line = append(line, come(l, t.Context(), 1+i%3))
		}
		for i, c := range line {
			require.Equal(t, 16-i, l.Snapshot().Waiting)
			for range 1 + i%3 {
				require.Empty(t, c)
				time.Sleep(time.Second)
				synctest.Wait()
			}
			require.NoError(t, <-c)
		}
		require.Equal(t, 31*time.Second, since())
	})
}

// When the first in line leaves, the next one waits for its own units, from when they were
// owed.
func TestLeavingSetsTheTimeOfTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(10)))
		require.NoError(t, l.Try(10))
		place, err := l.Enlist(t.Context(), 10, never(t))
		require.NoError(t, err)
		next := enlist(l, t.Context(), 1)
		time.Sleep(300 * ms)
		require.True(t, place.Leave())
		require.NoError(t, <-next)
		require.Equal(t, time.Second, since())
	})
}

// The next is served when the one before it leaves, if its units are there.
func TestLeavingServesTheNext(t *testing.T) {
	for name, next := range map[string]comer{"enlisted": enlist, "blocked": later} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, since func() time.Duration) {
				l := newLimiter(t, limiter.Every(time.Second, limiter.Burst(10)))
				require.NoError(t, l.Try(9))
				place, err := l.Enlist(t.Context(), 10, never(t))
				require.NoError(t, err)
				waits, last := next(l, t.Context(), 1), next(l, t.Context(), 1)
				time.Sleep(300 * ms)
				require.True(t, place.Leave())
				require.False(t, place.Leave())
				require.NoError(t, <-waits)
				require.Equal(t, 300*ms, since())
				require.NoError(t, <-last)
				require.Equal(t, time.Second, since())
				require.EqualValues(t, 1, l.Snapshot().Cancelled)
			})
		})
	}
}

func TestSetHoldsForEnlistedCalls(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Hour, limiter.Burst(2)))
		require.NoError(t, l.Try(2))
		first, second := enlist(l, t.Context(), 1), enlist(l, t.Context(), 2)
		require.NoError(t, l.Set(limiter.Every(time.Second, limiter.Burst(2))))
		require.NoError(t, <-first)
		require.Equal(t, time.Second, since())
		require.NoError(t, l.Set(limiter.Every(time.Minute)))
		require.ErrorIs(t, <-second, limiter.ErrCost)
		require.Equal(t, time.Second, since(), "it does not wait in vain")
	})
}

func TestAPenaltyHoldsForEnlistedCalls(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second, limiter.Adaptive(0.1, time.Minute)))
		require.NoError(t, l.Try(1))
		waits, last := enlist(l, t.Context(), 1), enlist(l, t.Context(), 1)
		l.Penalize(time.Minute)
		require.NoError(t, <-waits)
		require.Equal(t, time.Minute+2*time.Second, since(), "at half the rate")
		require.NoError(t, <-last)
		require.Equal(t, time.Minute+4*time.Second, since())
	})
}

// A function that is slow delays no call that blocks. Others that enlist come after it.
func TestASlowFunction(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		_, err := l.Enlist(t.Context(), 1, func(error) { time.Sleep(time.Minute) })
		require.NoError(t, err)
		blocked := later(l, t.Context(), 1)
		enlisted := enlist(l, t.Context(), 1)
		require.NoError(t, <-blocked)
		require.Equal(t, 2*time.Second, since())
		require.NoError(t, <-enlisted)
		require.Equal(t, time.Minute+time.Second, since())
	})
}

// The function may use the limiter: to enlist again, and to leave.
func TestTheFunctionMayUseTheLimiter(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		other := make(chan limiter.Place, 1)
		told := make(chan error, 1)
		_, err := l.Enlist(t.Context(), 1, func(error) {
			(<-other).Leave()
			_, err := l.Enlist(t.Context(), 1, func(err error) { told <- err })
			if err != nil {
				told <- err
			}
		})
		require.NoError(t, err)
		place, err := l.Enlist(t.Context(), 1, never(t))
		require.NoError(t, err)
		other <- place
		require.NoError(t, <-told)
		require.Equal(t, 2*time.Second, since())
		require.Zero(t, l.Snapshot().Waiting)
	})
}

func TestAFunctionThatEndsItsGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T, since func() time.Duration) {
		l := newLimiter(t, limiter.Every(time.Second))
		require.NoError(t, l.Try(1))
		for range 3 {
			_, err := l.Enlist(t.Context(), 1, func(error) { runtime.Goexit() })
			require.NoError(t, err)
		}
		require.NoError(t, <-enlist(l, t.Context(), 1))
		require.Equal(t, 4*time.Second, since())
	})
}

// A limiter with an empty line takes no timer from one bubble to another, and a place
// that nothing waits for any more keeps no goroutine.
func TestEnlistInSeveralBubbles(t *testing.T) {
	l := newLimiter(t, limiter.Every(time.Second))
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			_ = l.Try(1)
			require.NoError(t, <-enlist(l, t.Context(), 1))
			place, err := l.Enlist(t.Context(), 1, never(t))
			require.NoError(t, err)
			require.True(t, place.Leave())
		})
	}
}

func TestEnlistAllocatesNothing(t *testing.T) {
	l := newLimiter(t, limiter.PerSecond(1e9, limiter.Burst(1e9)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	then := func(error) {}
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = l.Enlist(ctx, 3, then) }))
}

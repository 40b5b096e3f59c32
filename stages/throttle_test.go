package stages

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/limiter"
)

func TestThrottleKeepsRateAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(5)), Throttle[int](limiter.Every(time.Second, limiter.Burst(2)), nil))
		require.Equal(t, upTo(5), r.out)
		for i, left := range []time.Duration{0, 0, 1, 2, 3} {
			require.Equal(t, left*time.Second, r.times[i].Total())
		}
		require.Equal(t, Timing{Stage: "stage", Wait: 3 * time.Second, Attempts: 1}, r.timing(4), "to wait is no work")
	})
}

func TestThrottleChargesTheCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice([]int{3, 2, 0, 5, 1}), Throttle(limiter.Every(time.Second, limiter.Burst(4)), func(v int) int { return v }))
		require.Equal(t, []string{"3", "2", "0", "!", "1"}, r.order)
		require.ErrorIs(t, r.failed[0], limiter.ErrCost)
		require.Equal(t, 2*time.Second, r.took)
	})
}

// Slow items are not slowed down further.
func TestThrottleLetsThroughWhatComesSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Minute, 5), Throttle[int](limiter.Every(time.Second), nil))
		for i := range 5 {
			require.Zero(t, r.times[i].Total())
		}
	})
}

func TestAStopCutsTheThrottleShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(t, limiter.Every(time.Hour))
		r := through(t, Slice(upTo(10)), Throttle[int](l, nil), after(time.Minute, stop))
		require.Equal(t, upTo(10), r.out)
		require.Equal(t, time.Minute, r.took)
		require.Zero(t, l.Snapshot().Waiting)
	})
}

func TestAnAbortEndsTheThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(10)), Throttle[int](limiter.Every(time.Hour), nil), after(time.Minute, abort))
		require.Equal(t, []int{0}, r.out)
		require.Equal(t, time.Minute, r.took)
		for _, f := range r.failed {
			require.ErrorIs(t, f, ErrAborted)
			require.ErrorIs(t, f, errGone)
		}
	})
}

// An item is not held until a turn that comes after its deadline.
func TestThrottleAndDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dated(t, false, 2500*time.Millisecond, Slice(upTo(6)), Throttle[int](limiter.Every(time.Second), nil))
		require.Equal(t, []int{0, 1, 2}, r.out)
		require.Equal(t, int64(3), r.ledger().Expired)
		require.ErrorIs(t, r.failed[0], ErrExpired)
		require.Equal(t, 2*time.Second, r.took)
	})
}

func TestThrottleCanBeSharedAndChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(t, limiter.Every(time.Hour))
		r := through(t, Slice(upTo(5)), Throttle[int](l, nil), after(time.Minute, func(*Runtime) {
			require.NoError(t, l.Set(limiter.PerSecond(1000)))
		}))
		require.Equal(t, upTo(5), r.out)
		require.Less(t, r.took, 2*time.Minute)
		require.Equal(t, uint64(5), r.nodes[1].Layers()[0].(limiter.Snapshot).Units)
	})
}

// A failed item passes in its place, and pays nothing.
func TestThrottleLetsFailuresPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, Slice(upTo(5)), thirds, Throttle[int](limiter.Every(time.Second), nil))
		require.Len(t, r.order, 5)
		require.Equal(t, time.Duration(len(r.out)-1)*time.Second, r.took)
	})
}

func TestThrottleSurvivesItsCostFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(4)), Throttle(limiter.PerSecond(1000), func(v int) int {
			if v == 1 {
				panic("cost")
			}
			return 1
		}))
		require.Equal(t, []string{"0", "!", "2", "3"}, r.order)
		r = through(t, Slice(upTo(4)), Throttle(limiter.PerSecond(1000), func(int) int { runtime.Goexit(); return 1 }))
		require.ErrorIs(t, r.err, ErrGoexit)
		require.Len(t, r.failed, 4)
	})
}

func TestRatesAllocateNothingBelowThem(t *testing.T) {
	l := limited(t, limiter.PerSecond(1e12, limiter.Burst(1<<50)))
	cost := func(v int) int { return v % 3 }
	require.Less(t, allocsPerItem(t, 20_000, Throttle(l, cost)), 0.05)
	require.Less(t, allocsPerItem(t, 20_000, rated(l, cost, same)), 0.05)
}

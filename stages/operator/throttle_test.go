package operator_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// limited returns a limiter of its own for a test.
func limited(t *testing.T, p limiter.Policy) *limiter.Limiter {
	t.Helper()
	l, err := limiter.New(p)
	require.NoError(t, err)
	return l
}

func TestThrottleKeepsRateAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(5)), operator.Throttle[int](limiter.Every(time.Second, limiter.Burst(2)), nil))
		require.Equal(t, upTo(5), r.out)
		for i, left := range []time.Duration{0, 0, 1, 2, 3} {
			require.Equal(t, left*time.Second, r.times[i].Total())
		}
		require.Equal(t, stages.Timing{Stage: "stage", Wait: 3 * time.Second, Attempts: 1}, r.timing(4), "to wait is no work")
	})
}

func TestThrottleChargesTheCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice([]int{3, 2, 0, 5, 1}), operator.Throttle(limiter.Every(time.Second, limiter.Burst(4)), func(v int) int { return v }))
		require.Equal(t, []string{"3", "2", "0", "!", "1"}, r.order)
		require.ErrorIs(t, r.failed[0], limiter.ErrCost)
		require.Equal(t, 2*time.Second, r.took)
	})
}

// Slow items are not slowed down further.
func TestThrottleLetsThroughWhatComesSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Minute, 5), operator.Throttle[int](limiter.Every(time.Second), nil))
		for i := range 5 {
			require.Zero(t, r.times[i].Total())
		}
	})
}

func TestAStopCutsTheThrottleShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(t, limiter.Every(time.Hour))
		r := through(t, source.Slice(upTo(10)), operator.Throttle[int](l, nil), after(time.Minute, stop))
		require.Equal(t, upTo(10), r.out)
		require.Equal(t, time.Minute, r.took)
		require.Zero(t, l.Snapshot().Waiting)
	})
}

func TestAnAbortEndsTheThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(10)), operator.Throttle[int](limiter.Every(time.Hour), nil), after(time.Minute, abort))
		require.Equal(t, []int{0}, r.out)
		require.Equal(t, time.Minute, r.took)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrAborted)
			require.ErrorIs(t, f, errGone)
		}
	})
}

// An item is not held until a turn that comes after its deadline.
func TestThrottleAndDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dated(t, false, 2500*time.Millisecond, source.Slice(upTo(6)), operator.Throttle[int](limiter.Every(time.Second), nil))
		require.Equal(t, []int{0, 1, 2}, r.out)
		require.Equal(t, int64(3), r.ledger().Expired)
		require.ErrorIs(t, r.failed[0], stages.ErrExpired)
		require.Equal(t, 2*time.Second, r.took)
	})
}

func TestThrottleCanBeSharedAndChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(t, limiter.Every(time.Hour))
		r := through(t, source.Slice(upTo(5)), operator.Throttle[int](l, nil), after(time.Minute, func(*kernel.Run) {
			require.NoError(t, l.Set(limiter.PerSecond(1000)))
		}))
		require.Equal(t, upTo(5), r.out)
		require.Less(t, r.took, 2*time.Minute)
		require.Equal(t, uint64(5), r.nodes[1].Observed()[0].(limiter.Snapshot).Units)
	})
}

// A failed item passes in its place, and pays nothing.
func TestThrottleLetsFailuresPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, source.Slice(upTo(5)), thirds, operator.Throttle[int](limiter.Every(time.Second), nil))
		require.Len(t, r.order, 5)
		require.Equal(t, time.Duration(len(r.out)-1)*time.Second, r.took)
	})
}

func TestThrottleSurvivesItsCostFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(4)), operator.Throttle(limiter.PerSecond(1000), func(v int) int {
			if v == 1 {
				panic("cost")
			}
			return 1
		}))
		require.Equal(t, []string{"0", "!", "2", "3"}, r.order)
	})
}

// Whatever the costs, the deadlines and the end of the run: the order is kept, and
// until the intake stops no more goes through than burst and rate allow.
func FuzzThrottle(f *testing.F) {
	f.Add(uint8(3), []byte{1, 2, 3, 4, 0, 9, 1}, uint8(0), uint16(0))
	f.Add(uint8(5), []byte{5, 5, 5, 5, 40, 200, 3, 2}, uint8(9), uint16(0x4008))
	f.Add(uint8(1), []byte{1, 1, 1, 1, 1, 1, 1, 1}, uint8(0), uint16(0x8003))
	f.Fuzz(func(t *testing.T, size uint8, items []byte, due uint8, end uint16) {
		if len(items) > 100 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			const ms = time.Millisecond
			burst := int(size%8) + 1
			cost := func(i int) int { return int(items[i] % 8) }
			l := limited(t, limiter.Every(ms, limiter.Burst(burst)))
			begun := time.Now()
			at := time.Duration(end&0xff)*ms + ms/2
			stopped := time.Hour
			var control []func(*kernel.Run)
			switch {
			case end&0x8000 != 0:
				control, stopped = append(control, after(at, abort)), at
			case end&0x4000 != 0:
				control, stopped = append(control, after(at, stop)), at
			}
			source := source.Seq(func(yield func(int) bool) {
				for i, b := range items {
					time.Sleep(time.Duration(b>>3) * ms / 4)
					if !yield(i) {
						return
					}
				}
			})
			feed := fed(source, operator.Map(same))
			if due > 0 {
				feed = fed(source, operator.Deadline[int](time.Duration(due)*ms))
			}
			r := run(t, due%2 == 0, operator.Throttle(l, cost), control, feed)
			require.NoError(t, r.err)
			require.IsNonDecreasing(t, append([]int{-1}, r.out...))
			require.Zero(t, l.Snapshot().Waiting)
			require.LessOrEqual(t, l.Snapshot().Units, uint64(burst)+uint64(min(time.Since(begun), stopped)/ms))
			if end&0x8000 != 0 {
				require.LessOrEqual(t, r.took, at+8*ms, "an abort waits for nothing")
			}
		})
	})
}

// A drain cuts the wait short of items that have time, and does not call them late.
func TestADrainedThrottleLetsItemsWithADeadlineGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, false, operator.Throttle[int](limiter.Every(time.Minute), nil), []func(*kernel.Run){after(time.Second, stop)},
			fed(source.Slice(upTo(4)), operator.Deadline[int](time.Hour)))
		require.Equal(t, upTo(4), r.out)
		require.Equal(t, time.Second, r.took)
	})
}

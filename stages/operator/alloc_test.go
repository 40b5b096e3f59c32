package operator_test

import (
	"context"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// allocsPerItem runs n items through three stages with timings; s is the middle one. It returns the
// allocations of an item beyond those in a run of half as many items. So the cost of the start and of
// filling the edges is left out. It uses no bubble: the figures are those of real goroutines, and
// nothing waits for time.
func allocsPerItem(t *testing.T, n int, s stages.Stage[int, int]) float64 {
	t.Helper()
	if raced {
		t.Skip("the race detector allocates as well")
	}
	count := func(n int) uint64 {
		var before, after runtime.MemStats
		numbers := source.Seq(func(yield func(int) bool) {
			for i := 0; i < n && yield(i); i++ {
			}
		})
		got := 0
		stream := flow.From(numbers).Map("map", same).Via("stage", s).
			Filter("filter", func(_ context.Context, v int) (bool, error) { return v%4 != 3, nil })
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := stream.ForEach(t.Context(), func(context.Context, int) error { got++; return nil })
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.NotZero(t, got)
		return after.Mallocs - before.Mallocs
	}
	half, all := count(n/2), count(n)
	return (float64(all) - float64(half)) / float64(n-n/2)
}

func TestAnItemCostsNoAllocation(t *testing.T) {
	l := limited(t, limiter.PerSecond(1e12, limiter.Burst(1<<30)))
	pair := []int{1, 2}
	both := iter.Seq[int](func(yield func(int) bool) {
		for _, v := range pair {
			if !yield(v) {
				return
			}
		}
	})
	for name, s := range map[string]stages.Stage[int, int]{
		"Map":      operator.Map(same),
		"Scan":     operator.Scan(0, func(_ context.Context, _, v int) (int, error) { return v, nil }),
		"Skip":     operator.Skip[int](10),
		"Take":     operator.Take[int](1 << 30),
		"Distinct": operator.DistinctUntilChanged(itself),
		"FlatMap":  operator.FlatMap(func(context.Context, int) (iter.Seq[int], error) { return both, nil }),
		"OnError":  operator.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, nil }),
		"Throttle": operator.Throttle(l, func(v int) int { return v % 3 }),
		"Delay":    operator.Delay[int](time.Nanosecond),
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, allocsPerItem(t, 200_000, s), 0.02)
		})
	}
}

package stages

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// allocsPerItem runs n items through three stages with timings on, the middle
// one s, and returns the allocations of each beyond those of a run of half as
// many: what it costs to begin and to fill the edges is left out. No bubble: the
// figures are those of real goroutines, and nothing waits for time.
func allocsPerItem(t *testing.T, n int, s Stage[int, int]) float64 {
	t.Helper()
	if raced {
		t.Skip("the race detector allocates, too")
	}
	count := func(n int) uint64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		got := 0
		rt := NewRuntime(t.Context(), false, "source", "map", "stage", "filter", "sink")
		defer rt.Close()
		node := rt.Nodes()
		out0, in0 := Link[int](rt, node[0], node[1], 256)
		out1, in1 := Link[int](rt, node[1], node[2], 256)
		out2, in2 := Link[int](rt, node[2], node[3], 256)
		out3, in3 := Link[int](rt, node[3], node[4], 256)
		var wg conc.WaitGroup
		wg.Go(func() {
			RunSource(Seq(func(yield func(int) bool) {
				for i := 0; i < n && yield(i); i++ {
				}
			}), out0)
		})
		wg.Go(func() { RunStage(Map(same), in0, out1) })
		wg.Go(func() { RunStage(s, in1, out2) })
		wg.Go(func() {
			RunStage(Filter(func(_ context.Context, v int) (bool, error) { return v%4 != 3, nil }), in2, out3)
		})
		RunSink(ForEach(func(context.Context, int) error { got++; return nil }), in3)
		wg.Wait()
		runtime.ReadMemStats(&after)
		require.Equal(t, n-n/4, got)
		require.NoError(t, rt.Err())
		return after.Mallocs - before.Mallocs
	}
	half, all := count(n/2), count(n)
	return (float64(all) - float64(half)) / float64(n-n/2)
}

func TestAnItemCostsNoAllocation(t *testing.T) {
	for name, tt := range map[string]struct {
		s Stage[int, int]
		n int
	}{
		"Map":             {Map(same), 200_000},
		"several workers": {Map(same, Workers(4)), 200_000},
		"unordered":       {Map(same, Workers(4), Unordered()), 200_000},
		"OnError":         {OnError(func(context.Context, *ItemError) (int, error) { return 0, nil }), 200_000},
		"a stage of one's own": {StageFunc[int, int](func(_ context.Context, in *Inlet[int], out *Outlet[int]) error {
			for it := range in.All() {
				out.Send(it.With(it.Value + 0))
			}
			return nil
		}), 200_000},
		"Section": {Section(nil, same, Workers(2)), 400_000},
		"with guard, breaker and retry": {Section([]Layer[int]{
			Guard[int](guard.Limit(64)),
			Breaker[int](breaker.Consecutive("service", 5, time.Second)),
			Retry[int](retry.Exponential(3, time.Millisecond)),
		}, same, Workers(2)), 400_000},
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, allocsPerItem(t, tt.n, tt.s), 0.01)
		})
	}
}

// Who is served by an answer that is kept costs none; who waits for it costs
// one, which the first items here do.
func TestAnItemThatIsServedCostsNoAllocation(t *testing.T) {
	s := Enrich([]Layer[int]{Dedup(dedup.Window(time.Hour), constant)}, same, func(own, _ int) int { return own })
	require.Less(t, allocsPerItem(t, 200_000, s), 0.05)
}

package flow_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// The sink is the slowest part, and has a goroutine of its own, because the stage
// above has two workers. So all edges are full all the time. The memory in use must
// be that of the edges, from the first item to the last. No time and nothing that waits
// for it is involved, so there is no bubble.
func TestMemoryStaysFlatBehindASlowSink(t *testing.T) {
	var first, most uint64
	n, work := 0, uint64(0)
	numbers := source.Seq(func(yield func(int) bool) {
		for i := range many {
			if !yield(i) {
				return
			}
		}
	})
	rep, err := flow.From(numbers).Map("a", same).Map("b", same).Map("c", same, stages.Workers(2)).
		ForEach(context.Background(), func(_ context.Context, v int) error {
			for range 150 { // more than all above takes
				work = work*6364136223846793005 + uint64(v)
			}
			if n++; n%(many/20) == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if first == 0 {
					first = m.HeapAlloc
				}
				most = max(most, m.HeapAlloc)
			}
			return nil
		})
	require.NoError(t, err)
	require.NoError(t, rep.Check())
	require.Equal(t, many, n)
	require.Less(t, most, first+1<<20, "the heap grew by more than 1 MiB (%d)", work%2)
}

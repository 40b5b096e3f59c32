package stages

import (
	"context"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// The price of an operator is the difference to a Map that does nothing, in the
// same run: items from memory, through one stage, to a sink that takes all.
func BenchmarkOperators(b *testing.B) {
	at := func(v int) time.Time { return time.Unix(int64(v/100), 0) }
	b.Run("Map", func(b *testing.B) { cost(b, Map(same)) })
	b.Run("Scan", func(b *testing.B) {
		cost(b, Scan(0, func(_ context.Context, s, v int) (int, error) { return s + v, nil }))
	})
	b.Run("Reduce", func(b *testing.B) {
		cost(b, Reduce(0, func(_ context.Context, s, v int) (int, error) { return s + v, nil }))
	})
	b.Run("Take", func(b *testing.B) { cost(b, Take[int](b.N)) })
	b.Run("Distinct", func(b *testing.B) { cost(b, DistinctUntilChanged(func(v int) int { return v })) })
	b.Run("Batch", func(b *testing.B) { cost(b, Batch[int](100, time.Second)) })
	b.Run("BatchByWeight", func(b *testing.B) { cost(b, Batch[int](100, time.Second, Weight(100, func(int) int { return 1 }))) })
	b.Run("Debounce", func(b *testing.B) { cost(b, Debounce[int](time.Second)) })
	b.Run("Delay", func(b *testing.B) { cost(b, Delay[int](time.Microsecond)) })
	b.Run("Overflow", func(b *testing.B) { cost(b, Overflow[int](64, Block)) })
	b.Run("Tumbling", func(b *testing.B) { cost(b, Window[int](Tumbling(time.Second), EventTime(at, 0))) })
	b.Run("TumblingByArrival", func(b *testing.B) { cost(b, Window[int](Tumbling(time.Millisecond))) })
	b.Run("Sliding5", func(b *testing.B) { cost(b, Window[int](Sliding(5*time.Second, time.Second), EventTime(at, 0))) })
	b.Run("Session", func(b *testing.B) { cost(b, Window[int](Session(time.Second), EventTime(at, 0))) })
}

func cost[O any](b *testing.B, s Stage[int, O]) {
	b.ReportAllocs()
	rt := NewRuntime(b.Context(), false, "source", "stage", "sink")
	defer rt.Close()
	n := rt.Nodes()
	out, in := Link[int](rt, n[0], n[1], 256)
	next, last := Link[O](rt, n[1], n[2], 256)
	var wg conc.WaitGroup
	wg.Go(func() {
		RunSource(Seq(func(yield func(int) bool) {
			for i := 0; i < b.N && yield(i); i++ {
			}
		}), out)
	})
	wg.Go(func() { RunStage(s, in, next) })
	RunSink(ForEach(func(context.Context, O) error { return nil }), last)
	wg.Wait()
}

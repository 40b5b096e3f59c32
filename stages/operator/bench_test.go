package operator_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// The price of an operator is the difference to a Map that does nothing, in the same run: items
// from memory, through one stage, to a sink that takes all.
func BenchmarkOperators(b *testing.B) {
	at := func(v int) time.Time { return time.Unix(int64(v/100), 0) }
	b.Run("Map", func(b *testing.B) { cost(b, operator.Map(same)) })
	b.Run("Scan", func(b *testing.B) {
		cost(b, operator.Scan(0, func(_ context.Context, s, v int) (int, error) { return s + v, nil }))
	})
	b.Run("Reduce", func(b *testing.B) {
		cost(b, operator.Reduce(0, func(_ context.Context, s, v int) (int, error) { return s + v, nil }))
	})
	b.Run("Take", func(b *testing.B) { cost(b, operator.Take[int](b.N)) })
	b.Run("Distinct", func(b *testing.B) { cost(b, operator.DistinctUntilChanged(itself)) })
	b.Run("FlatMap10", func(b *testing.B) { cost(b, operator.FlatMap(ten)) })
	b.Run("Batch", func(b *testing.B) { cost(b, operator.Batch[int](100, time.Second)) })
	b.Run("Batch10", func(b *testing.B) { cost(b, operator.Batch[int](10, time.Second)) })
	b.Run("BatchByWeight", func(b *testing.B) {
		cost(b, operator.Batch[int](100, time.Second, stages.Weight(100, func(int) int { return 1 })))
	})
	b.Run("MapBatch", func(b *testing.B) {
		cost(b, operator.MapBatch(100, time.Second, func(_ context.Context, vs []int) ([]int, error) { return vs, nil }))
	})
	b.Run("OnError", func(b *testing.B) {
		cost(b, operator.OnError(func(context.Context, *stages.ItemError) (int, error) { return 0, nil }))
	})
	b.Run("Remember", func(b *testing.B) { cost(b, operator.Remember[int]()) })
	b.Run("Deadline", func(b *testing.B) { cost(b, operator.Deadline[int](time.Hour)) })
	b.Run("Throttle", func(b *testing.B) {
		cost(b, operator.Throttle[int](limiter.PerSecond(1e12, limiter.Burst(1<<30)), nil))
	})
	b.Run("Debounce", func(b *testing.B) { cost(b, operator.Debounce[int](time.Second)) })
	b.Run("Delay", func(b *testing.B) { cost(b, operator.Delay[int](time.Microsecond)) })
	b.Run("Tumbling", func(b *testing.B) {
		cost(b, operator.Window[int](operator.Tumbling(time.Second), stages.EventTime(at, 0)))
	})
}

// The same by hand: chunks of 64 over channels.
func BenchmarkByHand(b *testing.B) {
	b.Run("Batch", func(b *testing.B) { byHand(b, 1, 100) })
	b.Run("Batch10", func(b *testing.B) { byHand(b, 1, 10) })
	b.Run("FlatMap10", func(b *testing.B) { byHand(b, 10, 0) })
}

func ten(_ context.Context, v int) (iter.Seq[int], error) {
	return func(yield func(int) bool) {
		for i := range 10 {
			if !yield(v + i) {
				return
			}
		}
	}, nil
}

func cost[O any](b *testing.B, s stages.Stage[int, O]) {
	b.ReportAllocs()
	r := kernel.NewRun(b.Context(), true, false)
	defer r.Close()
	src, stage, end := r.NewNode("source"), r.NewNode("stage"), r.NewNode("sink")
	first, second := r.Link(src, stage, 256, typed.Of[int]()), r.Link(stage, end, 256, typed.Of[O]())
	var wg sync.WaitGroup
	wg.Go(func() {
		serveSource(src, source.Seq(func(yield func(int) bool) {
			for i := 0; i < b.N && yield(i); i++ {
			}
		}), first)
	})
	wg.Go(func() { serveStage(stage, s, first, second) })
	serveSink(end, sink.ForEach(func(context.Context, O) error { return nil }), second)
	wg.Wait()
}

// byHand makes times values of each, in chunks or, if size is given, in batches of that size.
func byHand(b *testing.B, times, size int) {
	b.ReportAllocs()
	above, below := make(chan []int, 4), make(chan [][]int, 4)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(above)
		chunk := make([]int, 0, 64)
		for i := range b.N {
			if chunk = append(chunk, i); len(chunk) == 64 || i == b.N-1 {
				above <- chunk
				chunk = make([]int, 0, 64)
			}
		}
	})
	wg.Go(func() {
		defer close(below)
		var chunk [][]int
		send := func(vs []int) {
			if chunk = append(chunk, vs); len(chunk) == max(1, 64/len(vs)) {
				below <- chunk
				chunk = nil
			}
		}
		size := max(size, 64*min(1, times/2))
		out := make([]int, 0, size)
		for vs := range above {
			for _, v := range vs {
				for i := range times {
					if out = append(out, v+i); len(out) == size {
						send(out)
						out = make([]int, 0, size)
					}
				}
			}
		}
		if len(out) > 0 {
			send(out)
		}
		below <- chunk
	})
	sum := 0
	for chunk := range below {
		for _, vs := range chunk {
			for _, v := range vs {
				sum += v
			}
		}
	}
	wg.Wait()
}

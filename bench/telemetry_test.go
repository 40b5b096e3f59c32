package bench

import (
	"context"
	"testing"
	"time"

	"github.com/weir-go/weir/bench/internal/meter"
	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/source"
)

// BenchmarkTelemetry asks what it costs an item to be watched: by distributions, by hooks that
// select no item, and by hooks for every call. A flow has three stages and a sink, so a difference is that of four stages. The calls
// do nothing, or take 2 microseconds, so that each is timed alone.
func BenchmarkTelemetry(b *testing.B) {
	for _, step := range []string{"noop", "2us"} {
		b.Run("work="+step, func(b *testing.B) {
			f := stepOf(step)
			for _, row := range []struct {
				name string
				opts []flow.RunOption
			}{
				{"off", nil},
				{"distributions", []flow.RunOption{flow.Distributions()}},
				{"selected", []flow.RunOption{flow.WithHooks(flow.Hooks{Selected: true, Begin: begin})}},
				{"hooks", []flow.RunOption{flow.WithHooks(flow.Hooks{Begin: begin})}},
			} {
				b.Run("watched="+row.name, func(b *testing.B) {
					b.ReportAllocs()
					used := meter.CPU()
					_, err := watched(b.N, f).ForEach(context.Background(), func(context.Context, int) error { return nil }, row.opts...)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64((meter.CPU()-used)/time.Duration(b.N)), "cpu-ns/op")
				})
			}
		})
	}
}

// begin is the least that a hook can do.
func begin(context.Context, *flow.Call) context.Context { return nil }

// watched is a flow of n items through three stages.
func watched(n int, f work.Step) *flow.Stream[int] {
	numbers := func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
	s := flow.From(source.Seq(numbers))
	for _, name := range []string{"a", "b", "c"} {
		s = s.Map(name, f)
	}
	return s
}

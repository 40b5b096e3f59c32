package weir

import (
	"context"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// Window groups readings by key into windows of their own time.
func Window(n int) work.Haul { return window(n) }

// WindowUntimed does the same without timings.
func WindowUntimed(n int) work.Haul { return window(n, flow.Untimed()) }

func window(n int, opts ...flow.RunOption) (h work.Haul) {
	_, err := flow.From(source.Seq(work.Readings(n))).
		Window(operator.Tumbling(work.Size), stages.EventTime(work.TimeOf, 0), stages.PerKey(work.KeyOf)).
		ForEach(context.Background(), func(_ context.Context, w operator.WindowOf[work.Reading]) error {
			h.AddReadings(w.Items)
			return nil
		}, opts...)
	if err != nil {
		return work.Broken()
	}
	return h
}

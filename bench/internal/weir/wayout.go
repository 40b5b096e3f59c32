package weir

import (
	"context"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
)

// Results leaves a stream by a loop.
func Results(build Build) work.Run {
	return func(n int) work.Haul { return results(n, build) }
}

// ResultsUntimed does the same without timings.
func ResultsUntimed(build Build) work.Run {
	return func(n int) work.Haul { return results(n, build, flow.Untimed()) }
}

func results(n int, build Build, opts ...flow.RunOption) (h work.Haul) {
	for r := range build(naturals(n)).Results(context.Background(), opts...) {
		if r.Err != nil {
			return work.Broken()
		}
		h.Add(r.Value)
	}
	return h
}

// Chan leaves a stream by a channel.
func Chan(build Build) work.Run {
	return func(n int) work.Haul { return channel(n, build) }
}

// ChanUntimed does the same without timings.
func ChanUntimed(build Build) work.Run {
	return func(n int) work.Haul { return channel(n, build, flow.Untimed()) }
}

func channel(n int, build Build, opts ...flow.RunOption) (h work.Haul) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for r := range build(naturals(n)).Chan(ctx, opts...) {
		if r.Err != nil {
			return work.Broken()
		}
		h.Add(r.Value)
	}
	return h
}

package weir

import (
	"context"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/source"
)

// Build makes a stream of another.
type Build = func(*flow.Stream[int]) *flow.Stream[int]

// Timed returns what brings numbers through a stream with the defaults.
func Timed(build Build) work.Run {
	return func(n int) work.Haul { return through(n, build) }
}

// Untimed does the same without timings.
func Untimed(build Build) work.Run {
	return func(n int) work.Haul { return through(n, build, flow.Untimed()) }
}

func through(n int, build Build, opts ...flow.RunOption) (h work.Haul) {
	_, err := build(naturals(n)).ForEach(context.Background(), func(_ context.Context, v int) error {
		h.Add(v)
		return nil
	}, opts...)
	if err != nil {
		return work.Broken()
	}
	return h
}

func naturals(n int) *flow.Stream[int] { return flow.From(source.Seq(work.Naturals(n))) }

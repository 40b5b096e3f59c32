package weir

import (
	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// Workers is one stage of several workers that keeps the order.
func Workers(workers int, f work.Step) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("work", f, stages.Workers(workers)) }
}

// Free is one stage of several workers that does not.
func Free(workers int, f work.Step) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Map("work", f, stages.Workers(workers), stages.Unordered())
	}
}

package weir

import (
	"time"

	"github.com/weir-go/weir/bench/internal/work"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// Section is a call inside a guard, a dedup, a breaker and a retry, made by
// several workers. It keeps the order.
func Section(workers int, f work.Step, wait time.Duration) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return layers(s, wait).Map("call", f, stages.Workers(workers))
	}
}

// FreeSection is the same and does not keep the order.
func FreeSection(workers int, f work.Step, wait time.Duration) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return layers(s, wait).Map("call", f, stages.Workers(workers), stages.Unordered())
	}
}

func layers(s *flow.Stream[int], wait time.Duration) *flow.Section[int] {
	return s.Guard(limited()).Dedup(shared(), func(v int) int { return v }).Breaker(fused()).Retry(retried(wait))
}

// Guarded is a call inside a guard alone.
func Guarded(workers int, f work.Step) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(limited()).Map("call", f, stages.Workers(workers))
	}
}

// Timeout is a call inside a guard and a timeout.
func Timeout(workers int, f work.Step, d time.Duration) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(limited()).Timeout(d).Map("call", f, stages.Workers(workers))
	}
}

// Retried is a call inside a guard of that many items and a retry with constant
// waits.
func Retried(workers, inside int, f work.Step, wait time.Duration) Build {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.Guard(limitedTo(inside)).Retry(retriedAfter(wait)).Map("call", f, stages.Workers(workers))
	}
}

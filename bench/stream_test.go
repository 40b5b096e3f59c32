package bench

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// through runs what build makes of the numbers 0 to n-1.
func through(n int, build func(*flow.Stream[int]) *flow.Stream[int], opts ...flow.RunOption) (h haul) {
	_, err := build(flow.From(stages.Seq(naturals(n)))).ForEach(context.Background(), func(_ context.Context, v int) error {
		h.add(v)
		return nil
	}, opts...)
	if err != nil {
		return haul{count: -1}
	}
	return h
}

// weir is an implementation that builds a stream, and its untimed twin.
func weir(build func(*flow.Stream[int]) *flow.Stream[int]) []implementation {
	return []implementation{
		{name: "weir", run: func(n int) haul { return through(n, build) }},
		{name: "weir-untimed", run: func(n int) haul { return through(n, build, flow.Untimed()) }},
	}
}

// resilient is a section with all four primitives around the no-op.
func resilient(window time.Duration) func(s *flow.Stream[int]) *flow.Stream[int] {
	return func(s *flow.Stream[int]) *flow.Stream[int] {
		return s.
			Guard(guard.Limit(1024)).
			Dedup(dedup.Window(window), func(v int) int { return v }).
			Breaker(breaker.Consecutive("service", 5, 10*time.Second)).
			Retry(retry.Exponential(3, 50*time.Millisecond)).
			Map("call", increment, flow.Workers(8))
	}
}

// section is for BenchmarkSection. Every key is new, which is the dear case:
// each result is kept for its window, and evicts another.
func section() question {
	return question{name: "Section", adds: 1, impls: []implementation{
		{name: "channels", adds: 3, run: func(n int) haul { return byHand(n, 3, increment) }},
		{name: "weir", run: func(n int) haul { return through(n, resilient(time.Minute)) }},
	}}
}

// BenchmarkSection asks what all four primitives cost around a call that does
// next to nothing, with 8 workers, beside three bare stages written by hand.
func BenchmarkSection(b *testing.B) { section().compare(b) }

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

// increment is the no-op that all stages run.
func increment(_ context.Context, v int) (int, error) { return v + 1, nil }

// numbers is a source of 0 to n-1.
func numbers(n int) stages.Source[int] {
	return stages.Seq(func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	})
}

// through runs what build makes of n numbers and returns how many came out.
func through(n int, build func(*flow.Stream[int]) *flow.Stream[int], opts ...flow.RunOption) int {
	count := 0
	_, err := build(flow.From(numbers(n))).ForEach(context.Background(), func(context.Context, int) error {
		count++
		return nil
	}, opts...)
	if err != nil {
		return -1
	}
	return count
}

func threeStages(s *flow.Stream[int]) *flow.Stream[int] {
	return s.Map("a", increment).Map("b", increment).Map("c", increment)
}

// resilient is a section with all four primitives around the no-op. Every key
// is new, which is the dear case: each result is kept, and evicts another.
func resilient(s *flow.Stream[int]) *flow.Stream[int] {
	return s.
		Guard(guard.Limit(1024)).
		Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
		Breaker(breaker.Consecutive("service", 5, 10*time.Second)).
		Retry(retry.Exponential(3, 50*time.Millisecond)).
		Map("call", increment, flow.Workers(8))
}

type implementation struct {
	name string
	run  func(n int) int
}

func compare(b *testing.B, impls ...implementation) {
	for _, impl := range impls {
		b.Run("impl="+impl.name, func(b *testing.B) {
			b.ReportAllocs()
			if n := impl.run(b.N); n != b.N {
				b.Fatalf("%d of %d items came out", n, b.N)
			}
		})
	}
}

var byHand = implementation{"channels", func(n int) int { return handWritten(context.Background(), n, increment) }}

// BenchmarkThreeStages asks what it costs to move an item through three stages
// that do next to nothing, one worker each.
func BenchmarkThreeStages(b *testing.B) {
	compare(b, byHand,
		implementation{"weir", func(n int) int { return through(n, threeStages) }},
		implementation{"weir-untimed", func(n int) int { return through(n, threeStages, flow.Untimed()) }},
	)
}

// BenchmarkSection asks what all four primitives cost around a call that does
// next to nothing, with 8 workers, beside three bare stages written by hand.
func BenchmarkSection(b *testing.B) {
	compare(b, byHand, implementation{"weir", func(n int) int { return through(n, resilient) }})
}

// TestImplementationsDoTheWork keeps the benchmarks honest.
func TestImplementationsDoTheWork(t *testing.T) {
	const n = 10_000
	for name, got := range map[string]int{
		"channels": byHand.run(n),
		"weir":     through(n, threeStages),
		"section":  through(n, resilient),
	} {
		if got != n {
			t.Errorf("%s: %d of %d items came out", name, got, n)
		}
	}
}

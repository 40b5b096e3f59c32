package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

func ints(n int) stages.Source[int] {
	return stages.Seq(func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	})
}

func inc(_ context.Context, v int) (int, error) { return v + 1, nil }

func BenchmarkSection(b *testing.B) {
	b.ReportAllocs()
	n := 0
	rep, err := flow.From(ints(b.N)).
		Guard(guard.Limit(1024)).
		Dedup(dedup.Window(time.Minute), func(v int) int { return v }).
		Breaker(breaker.Consecutive("model", 5, 10*time.Second)).
		Retry(retry.Exponential(3, 50*time.Millisecond)).
		Map("inc", inc, flow.Workers(8)).
		ForEach(context.Background(), func(context.Context, int) error { n++; return nil })
	if err != nil || n != b.N {
		b.Fatal(n, err, rep.Check())
	}
}

func BenchmarkThreeStages(b *testing.B) {
	b.ReportAllocs()
	n := 0
	rep, err := flow.From(ints(b.N)).Map("a", inc).Map("b", inc).Map("c", inc).
		ForEach(context.Background(), func(context.Context, int) error { n++; return nil })
	if err != nil || n != b.N {
		b.Fatal(n, err, rep.Check())
	}
}

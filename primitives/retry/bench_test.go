package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

func succeed(context.Context) (int, error) { return 1, nil }

// Many callers at once write to one count, or to none.
func BenchmarkFirstTry(b *testing.B) {
	for _, counted := range []bool{true, false} {
		b.Run(map[bool]string{true: "counted", false: "uncounted"}[counted], func(b *testing.B) {
			p := retry.Exponential(3, time.Second)
			if !counted {
				p = retry.Exponential(3, time.Second, retry.Uncounted())
			}
			r := newRetrier(b, p)
			ctx := context.Background()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = r.Do(ctx, succeed)
				}
			})
		})
	}
}

// A full budget costs a load, as against one that each call fills a little.
func BenchmarkBudget(b *testing.B) {
	for _, full := range []bool{true, false} {
		b.Run(map[bool]string{true: "full", false: "filling"}[full], func(b *testing.B) {
			budget := newBudget(b, 0.001, 0, 1e9)
			r := newRetrier(b, retry.Exponential(3, time.Second, retry.WithBudget(budget)))
			if !full {
				r.Next(b.Context(), retry.Try{Attempt: 2, Err: errDown})
			}
			ctx := context.Background()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = r.Do(ctx, succeed)
				}
			})
		})
	}
}

func BenchmarkNext(b *testing.B) {
	r := benchmarked(b)
	ctx := context.Background()
	b.Run("retry", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = r.Next(ctx, retry.Try{Attempt: 2, Err: errDown})
		}
	})
	b.Run("give up", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = r.Next(ctx, retry.Try{Attempt: 3, Err: errDown})
		}
	})
}

// The cost of the classifier is not the retrier's.
func benchmarked(tb testing.TB) *retry.Retrier {
	budget := newBudget(tb, 0.5, 1e6, 1e9)
	failure := func(context.Context, error) outcome.Outcome { return outcome.Outcome{Kind: outcome.Failure} }
	return newRetrier(tb, retry.Exponential(3, time.Second, retry.Classify(failure), retry.WithBudget(budget)))
}

// The costs that the documentation promises.
func TestAllocations(t *testing.T) {
	ctx, r := t.Context(), benchmarked(t)
	try := func(attempt int) func() {
		return func() {
			_ = r.Next(ctx, retry.Try{Attempt: attempt, Err: errDown, Deadline: time.Now().Add(time.Hour)})
		}
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = r.Do(ctx, succeed) }))
	require.Zero(t, testing.AllocsPerRun(100, try(2)), "to try again")
	require.EqualValues(t, 1, testing.AllocsPerRun(100, try(3)), "the error")
}

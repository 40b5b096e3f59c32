package breaker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

func BenchmarkClosed(b *testing.B) {
	br := benchmarked(b)
	ctx := b.Context()
	b.Run("do", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = br.Do(ctx, succeed)
		}
	})
	b.Run("allow and record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t, _ := br.Allow()
			br.Record(ctx, &t, nil)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = br.Do(ctx, succeed)
			}
		})
	})
}

// BenchmarkFailing alternates failures and successes, so that each outcome
// writes the word.
func BenchmarkFailing(b *testing.B) {
	br := benchmarked(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = br.Do(ctx, failing)
		_, _ = br.Do(ctx, succeed)
	}
}

func BenchmarkOpen(b *testing.B) {
	br := benchmarked(b)
	br.Trip()
	ctx := b.Context()
	b.Run("allow", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = br.Allow()
		}
	})
	b.Run("do", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = br.Do(ctx, succeed)
		}
	})
}

func benchmarked(tb testing.TB) *breaker.Breaker {
	tb.Helper()
	// The cost of the classifier is not the breaker's.
	failure := func(context.Context, error) outcome.Outcome { return outcome.Outcome{Kind: outcome.Failure} }
	b, err := breaker.New(breaker.Consecutive("bench", 5, time.Hour, breaker.Classify(failure)))
	require.NoError(tb, err)
	return b
}

// The costs that the documentation promises.
func TestAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	closed, open := benchmarked(t), benchmarked(t)
	open.Trip()
	tests := map[string]func(){
		"a success":           func() { _, _ = closed.Do(ctx, succeed) },
		"a failure in a row":  func() { _, _ = closed.Do(ctx, failing); _, _ = closed.Do(ctx, succeed) },
		"a rejection":         func() { _, _ = open.Do(ctx, succeed) },
		"a two-step call":     func() { tok, _ := closed.Allow(); closed.Record(ctx, &tok, nil) },
		"a look at the state": func() { _ = open.State(); _ = closed.State() },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(100, f))
		})
	}
}

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

// BenchmarkRules shows what each kind of rule adds to a call that succeeds.
func BenchmarkRules(b *testing.B) {
	for _, bb := range []struct {
		name string
		rule breaker.Option
	}{
		{"in a row", breaker.InARow(5)},
		{"out of", breaker.OutOf(5, 10)},
		{"rate", breaker.Rate(0.5, 10*time.Second, 100)},
		{"slow", breaker.Slow(time.Second, 0.5, 10*time.Second, 100)},
		{"hung", breaker.Hung(time.Second, 10)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			br, err := breaker.New(breaker.On("bench", time.Hour, bb.rule))
			require.NoError(b, err)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = br.Do(ctx, succeed)
			}
		})
	}
}

func BenchmarkRegistry(b *testing.B) {
	r, err := breaker.NewRegistry[int](breaker.Consecutive("bench", 5, time.Hour), 1000, time.Hour)
	require.NoError(b, err)
	ctx := b.Context()
	b.Run("known key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = r.Do(ctx, 1, succeed)
		}
	})
	b.Run("new key", func(b *testing.B) {
		b.ReportAllocs()
		for key := 2; b.Loop(); key++ {
			_, _ = r.Do(ctx, key, succeed)
		}
	})
}

// rules returns a breaker with a rule of each kind, none of which is ever met.
func rules(tb testing.TB) *breaker.Breaker {
	tb.Helper()
	b, err := breaker.New(breaker.On("bench", time.Hour, breaker.InARow(5), breaker.OutOf(10, 10), breaker.Rate(1, time.Minute, 5),
		breaker.Slow(time.Hour, 1, time.Minute, 5), breaker.Hung(time.Hour, 5)))
	require.NoError(tb, err)
	return b
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
	closed, open, ruled, shadow := benchmarked(t), benchmarked(t), rules(t), rules(t)
	open.Trip()
	shadow.SetMode(breaker.Shadow)
	shadow.Trip()
	r, err := breaker.NewRegistry[string](breaker.Consecutive("bench", 5, time.Hour), 10, time.Hour)
	require.NoError(t, err)
	tests := map[string]func(){
		"a success":           func() { _, _ = closed.Do(ctx, succeed) },
		"a failure in a row":  func() { _, _ = closed.Do(ctx, failing); _, _ = closed.Do(ctx, succeed) },
		"a rejection":         func() { _, _ = open.Do(ctx, succeed) },
		"a two-step call":     func() { tok, _ := closed.Allow(); closed.Record(ctx, &tok, nil) },
		"a look at the state": func() { _ = open.State(); _ = closed.State() },
		"all rules":           func() { _, _ = ruled.Do(ctx, failing); _, _ = ruled.Do(ctx, succeed) },
		"a shadow":            func() { _, _ = shadow.Do(ctx, succeed) },
		"a registry":          func() { _, _ = r.Do(ctx, "key", succeed) },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(100, f))
		})
	}
}

package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

// What sharing costs a healthy call: nothing. Compare local with shared.
func BenchmarkHealthyCall(b *testing.B) {
	policy := breaker.Consecutive("model", 5, time.Second)
	plain, err := breaker.New(policy)
	require.NoError(b, err)
	node, err := fleet.NewBreaker(store.NewMemory(), policy, fleet.ProbeOnce(time.Second))
	require.NoError(b, err)
	shared, _ := node.Breaker()
	ctx := context.Background()
	f := func(context.Context) (int, error) { return 1, nil }
	for name, br := range map[string]*breaker.Breaker{"impl=local": plain, "impl=shared": shared} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = br.Do(ctx, f)
			}
		})
	}
}

func newBenchDedup(b testing.TB) *fleet.Dedup[string, int] {
	d, err := fleet.NewDedup(store.NewMemory(), dedup.Window(time.Hour, dedup.Name("n")), fleet.Codec[string, int]{})
	require.NoError(b, err)
	return d
}

func BenchmarkDedupHit(b *testing.B) {
	d := newBenchDedup(b)
	ctx := context.Background()
	f := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	for b.Loop() {
		_, _ = d.Do(ctx, "k", f)
	}
}

func BenchmarkDedupRun(b *testing.B) {
	d, err := fleet.NewDedup(store.NewMemory(), dedup.Window(0, dedup.Name("n")), fleet.Codec[string, int]{})
	require.NoError(b, err)
	ctx := context.Background()
	f := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	for b.Loop() {
		_, _ = d.Do(ctx, "k", f)
	}
}

// A kept result costs what it costs in one process, and the closure that would
// ask the others.
func TestDedupHitAllocates(t *testing.T) {
	d := newBenchDedup(t)
	f := func(context.Context) (int, error) { return 1, nil }
	_, err := d.Do(t.Context(), "k", f)
	require.NoError(t, err)
	ctx := t.Context()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = d.Do(ctx, "k", f) }), 1.0)
}

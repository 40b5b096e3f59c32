package guard_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// A context that can be cancelled, because that is what a stage of a stream has.
func BenchmarkAcquireRelease(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	g, err := guard.New(guard.Limit(64))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		p, _ := g.Acquire(ctx)
		p.Release()
	}
}

func BenchmarkTryAcquire(b *testing.B) {
	b.Run("free", func(b *testing.B) {
		g, err := guard.New(guard.Limit(64))
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			p, _ := g.TryAcquire()
			p.Release()
		}
	})
	b.Run("shed", func(b *testing.B) {
		g, err := guard.New(guard.Limit(1))
		require.NoError(b, err)
		p, err := g.TryAcquire()
		require.NoError(b, err)
		defer p.Release()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = g.TryAcquire()
		}
	})
}

// Every operation but the first few waits in the queue and is handed its slot.
func BenchmarkContended(b *testing.B) {
	for _, callers := range []int{2, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			g, err := guard.New(guard.Limit(1))
			require.NoError(b, err)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					for range (b.N + i) / callers {
						p, _ := g.Acquire(ctx)
						p.Release()
					}
				})
			}
			wg.Wait()
		})
	}
}

// A column of a section: what its layers take and give back at a time.
func BenchmarkColumn(b *testing.B) {
	for _, capacity := range []int{64, 1024} {
		for _, width := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("capacity=%d/width=%d", capacity, width), func(b *testing.B) {
				g := guard.Of(guard.Limit(capacity))
				permits := make([]guard.Permit, width)
				b.ReportAllocs()
				for b.Loop() {
					g.TryAcquireAll(permits)
					g.ReleaseAll(permits)
				}
			})
		}
	}
}

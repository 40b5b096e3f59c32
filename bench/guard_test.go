package bench

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"

	"github.com/weir-go/weir/primitives/guard"
)

// What does it cost to take a free slot and give it back? The context can be
// cancelled, as that of a stage or a request can.
func BenchmarkGuard(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		g, err := guard.New(guard.Limit(64))
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			p, err := g.Acquire(ctx)
			if err != nil {
				b.Fatal(err)
			}
			p.Release()
		}
	})
	b.Run("impl=semaphore", func(b *testing.B) {
		s := semaphore.NewWeighted(64)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Acquire(ctx, 1); err != nil {
				b.Fatal(err)
			}
			s.Release(1)
		}
	})
}

// contend has 16 callers take turns: all but the first wait in the queue and
// are handed their slot.
func contend(b *testing.B, turn func()) {
	const callers = 16
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range (b.N + i) / callers {
				turn()
			}
		})
	}
	wg.Wait()
}

// What does a slot cost that has to be waited for?
func BenchmarkGuardContended(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		g, err := guard.New(guard.Limit(1))
		require.NoError(b, err)
		contend(b, func() {
			p, _ := g.Acquire(ctx)
			p.Release()
		})
	})
	b.Run("impl=semaphore", func(b *testing.B) {
		s := semaphore.NewWeighted(1)
		contend(b, func() {
			_ = s.Acquire(ctx, 1)
			s.Release(1)
		})
	})
}

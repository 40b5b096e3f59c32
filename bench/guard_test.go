package bench

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"

	"github.com/weir-go/weir/primitives/guard"
)

// What does it cost to take a free slot and to give it back? The context can be
// cancelled, as that of a stage or a request can.
func BenchmarkGuard(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("impl=weir", func(b *testing.B) {
		g, err := guard.New(guard.Limit(64))
		require.NoError(b, err)
		b.ReportAllocs()
		defer metered(b)()
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
		defer metered(b)()
		for b.Loop() {
			if err := s.Acquire(ctx, 1); err != nil {
				b.Fatal(err)
			}
			s.Release(1)
		}
	})
}

// And if each processor has a caller of its own?
func BenchmarkGuardParallel(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, s := range []struct {
		impl string
		turn func() func() bool
	}{
		{"weir", func() func() bool {
			g, err := guard.New(guard.Limit(64))
			require.NoError(b, err)
			return func() bool {
				p, err := g.Acquire(ctx)
				return err == nil && p.Release()
			}
		}},
		{"semaphore", func() func() bool {
			s := semaphore.NewWeighted(64)
			return func() bool {
				if s.Acquire(ctx, 1) != nil {
					return false
				}
				s.Release(1)
				return true
			}
		}},
	} {
		b.Run("impl="+s.impl, func(b *testing.B) {
			turn := s.turn()
			b.ReportAllocs()
			defer metered(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !turn() {
						b.Error("no permit")
					}
				}
			})
		})
	}
}

const callers = 16

// takeTurns has the callers acquire and release b.N times in all.
func takeTurns(b *testing.B, acquire, release func()) *sync.WaitGroup {
	var wg, ready sync.WaitGroup
	ready.Add(callers)
	for i := range callers {
		wg.Go(func() {
			ready.Done()
			for range (b.N + i) / callers {
				acquire()
				release()
			}
		})
	}
	ready.Wait()
	return &wg
}

// slot is a way to take the only slot and to give it back.
type slot struct {
	impl             string
	acquire, release func()
}

// slots returns one of each implementation.
func slots(b *testing.B, ctx context.Context) []slot {
	g, err := guard.New(guard.Limit(1))
	require.NoError(b, err)
	var p guard.Permit // of the caller that holds the slot
	s := semaphore.NewWeighted(1)
	return []slot{
		{"weir", func() { p, _ = g.Acquire(ctx) }, func() { p.Release() }},
		{"semaphore", func() { _ = s.Acquire(ctx, 1) }, func() { s.Release(1) }},
	}
}

// What does one slot cost if 16 callers want it? On one CPU they hardly meet.
func BenchmarkGuardContended(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, s := range slots(b, ctx) {
		b.Run("impl="+s.impl, func(b *testing.B) {
			b.ReportAllocs()
			defer metered(b)()
			takeTurns(b, s.acquire, s.release).Wait()
		})
	}
}

// And if every turn waits in the queue and is handed the slot? The callers begin
// while the slot is taken, so that there is always a queue, also on one CPU.
// impl=park is the least that a fair queue can cost whose waiters heed their
// context: to park in a select and to be woken, without any queue.
func BenchmarkGuardHandover(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, s := range slots(b, ctx) {
		b.Run("impl="+s.impl, func(b *testing.B) {
			b.ReportAllocs()
			s.acquire()
			wg := takeTurns(b, s.acquire, s.release)
			for range 1000 {
				runtime.Gosched() // until they wait
			}
			b.ResetTimer()
			defer metered(b)()
			s.release()
			wg.Wait()
		})
	}
	b.Run("impl=park", func(b *testing.B) {
		b.ReportAllocs()
		defer metered(b)()
		round(b, ctx).Wait()
	})
}

// round has the callers hand the turn round in a circle, b.N times in all.
func round(b *testing.B, ctx context.Context) *sync.WaitGroup {
	var turns [callers]chan struct{}
	for i := range turns {
		turns[i] = make(chan struct{}, 1)
	}
	var wg sync.WaitGroup
	for i, turn := range turns {
		wg.Go(func() {
			for range (b.N + callers - 1 - i) / callers {
				select {
				case <-turn:
				case <-ctx.Done():
				}
				turns[(i+1)%callers] <- struct{}{}
			}
		})
	}
	turns[0] <- struct{}{}
	return &wg
}

package dedup_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// once is a follower that counts how often it was told.
type once struct{ told atomic.Int32 }

func (o *once) Done(int, error) { o.told.Add(1) }

// TestStress uses every method at once. For each key there is at most one run
// whose context is alive, results are never another key's, every follower is
// told once, and the books balance. No bubble: real parallelism is the point.
func TestStress(t *testing.T) {
	d := make1[int, int](t, dedup.Window(time.Microsecond, dedup.MaxEntries(5)))
	const keys, workers, rounds = 8, 8, 2000
	var runs [keys]atomic.Int32
	work := func(key int, r *rand.Rand) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			defer runs[key].Add(-1)
			assert.Equal(t, int32(1), runs[key].Add(1), "two runs of one key")
			if r.IntN(4) == 0 {
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(r.IntN(50)) * time.Microsecond):
				}
			}
			if r.IntN(8) == 0 {
				return 0, errors.New("boom")
			}
			return key, nil
		}
	}
	var mu sync.Mutex
	var joined []*once
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range rounds {
				key := r.IntN(keys)
				switch op := r.IntN(20); {
				case op < 12:
					v, err := d.Do(t.Context(), key, work(key, r))
					assert.True(t, err != nil || v == key)
				case op < 16:
					o := new(once)
					switch c := d.Join(key, o); c.State {
					case dedup.First:
						_, _ = work(key, r)(t.Context())
						assert.True(t, d.Complete(c.Token, key))
						assert.False(t, d.Fail(c.Token, nil))
					case dedup.InProgress:
						mu.Lock()
						joined = append(joined, o)
						mu.Unlock()
					case dedup.Cached:
						assert.Equal(t, key, c.Value)
					}
				case op < 17:
					d.EvictOldest()
				case op < 18:
					d.Purge()
				case op < 19:
					assert.LessOrEqual(t, d.Snapshot().Cached, 5)
				default:
					v, ok := d.Get(key)
					assert.True(t, !ok || v == key)
				}
			}
		})
	}
	wg.Wait()
	for _, o := range joined {
		require.Equal(t, int32(1), o.told.Load())
	}
	s := d.Snapshot()
	require.Zero(t, s.InFlight)
	require.Equal(t, s.Misses, s.Completed+s.Failed)
}

// TestStressGivingUp lets leaders and followers give up at any moment, and
// forgets keys. No caller whose own ctx is alive is told of a cancellation. No
// bubble: real parallelism is the point.
func TestStressGivingUp(t *testing.T) {
	d := make1[int, int](t, dedup.Window(time.Microsecond))
	const keys, workers, rounds = 3, 8, 1000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(w)))
			for i := range rounds {
				key := r.IntN(keys)
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(2) == 0 {
					time.AfterFunc(time.Duration(r.IntN(60))*time.Microsecond, cancel)
				}
				v, err := d.Do(ctx, key, func(ctx context.Context) (int, error) {
					if i%2 == 0 && ctx.Err() != nil {
						return 0, ctx.Err()
					}
					select {
					case <-ctx.Done():
						return 0, ctx.Err()
					case <-time.After(30 * time.Microsecond):
						return key, nil
					}
				})
				if err == nil {
					assert.Equal(t, key, v)
				} else {
					assert.ErrorIs(t, err, context.Canceled)
					assert.Error(t, ctx.Err(), "cancelled by the ctx of another caller")
				}
				cancel()
				if r.IntN(50) == 0 {
					d.Clear()
				}
			}
		})
	}
	wg.Wait()
	s := d.Snapshot()
	require.Zero(t, s.InFlight)
	require.Equal(t, s.Misses, s.Completed+s.Failed)
}

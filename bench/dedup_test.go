package bench

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir/primitives/dedup"
)

// sharer is a way to ask for the value of a key, which is its number.
type sharer struct {
	impl string
	ask  func(key string) (int, error)
}

// one is the work that is shared: next to none.
func one(context.Context) (int, error) { return 1, nil }

// sharing returns weir with a policy, and singleflight, which calls the function
// if no call with the same key is under way.
func sharing(b *testing.B, ctx context.Context, policy dedup.Policy) []sharer {
	d, err := dedup.New[string, int](policy)
	require.NoError(b, err)
	var group singleflight.Group
	call := func() (any, error) { return one(ctx) }
	return []sharer{
		{"weir", func(key string) (int, error) { return d.Do(ctx, key, one) }},
		{"singleflight", func(key string) (int, error) {
			v, err, _ := group.Do(key, call)
			return v.(int), err
		}},
	}
}

// otterOf returns a cache of so many values, which loads what it does not have.
func otterOf[K comparable](b *testing.B, ctx context.Context, most int) func(K) (int, error) {
	cache, err := otter.New(&otter.Options[K, int]{
		MaximumSize:      most,
		ExpiryCalculator: otter.ExpiryWriting[K, int](time.Hour),
	})
	require.NoError(b, err)
	b.Cleanup(func() { cache.StopAllGoroutines() })
	loader := otter.LoaderFunc[K, int](func(ctx context.Context, _ K) (int, error) { return one(ctx) })
	return func(key K) (int, error) { return cache.Get(ctx, key, loader) }
}

// mapOf is the least that a cache can be: a map, a lock, and no end to anything.
func mapOf[K comparable]() func(K) (int, error) {
	var mu sync.Mutex
	kept := map[K]int{}
	return func(key K) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		v, ok := kept[key]
		if !ok {
			v = 1
			kept[key] = v
		}
		return v, nil
	}
}

// askAll has a caller on each processor ask for keys of its own.
func (s sharer) askAll(b *testing.B, keys []string) {
	b.Run("impl="+s.impl, func(b *testing.B) {
		for _, key := range keys {
			_, _ = s.ask(key)
		}
		part := len(keys) / runtime.GOMAXPROCS(0)
		var callers atomic.Int64
		b.ReportAllocs()
		b.ResetTimer()
		defer metered(b)()
		b.RunParallel(func(pb *testing.PB) {
			end := int(callers.Add(1)) * part
			own := keys[end-part : end]
			for at := 0; pb.Next(); at++ {
				if v, err := s.ask(own[at%part]); v != 1 || err != nil {
					b.Error(v, err)
				}
			}
		})
	})
}

// names returns n keys.
func names(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "prompt-" + strconv.Itoa(i)
	}
	return keys
}

// What does it cost to ask again for a value? weir and otter have kept it, and check
// its age. singleflight keeps nothing, and calls again.
func BenchmarkDedupHit(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	impls := append(sharing(b, ctx, dedup.Window(time.Hour)), sharer{"otter", otterOf[string](b, ctx, 1<<16)}, sharer{"map", mapOf[string]()})
	for _, s := range impls {
		s.askAll(b, names(128))
	}
}

// What does it cost to call for a key that no other caller asks for at the time, if
// the result is not kept?
func BenchmarkDedupMiss(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, s := range sharing(b, ctx, dedup.Window(0)) {
		s.askAll(b, names(4096))
	}
}

// And if the result is kept and there is no room, so that each new key evicts
// another?
func BenchmarkDedupMissKept(b *testing.B) {
	const most = 4096
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d, err := dedup.New[string, int](dedup.Window(time.Hour, dedup.MaxEntries(most)))
	require.NoError(b, err)
	for _, s := range []sharer{
		{"weir", func(key string) (int, error) { return d.Do(ctx, key, one) }},
		{"otter", otterOf[string](b, ctx, most)},
	} {
		s.askAll(b, names(4*most))
	}
}

// How does the cost of a hit grow with the number of live keys? order=replayed asks for
// them in the order of their arrival, as a source does that delivers again.
// order=scattered asks in an order that no cache can guess. The cost of a million keys
// is then the latency of the memory, in a plain map as well.
func BenchmarkDedupScale(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, n := range []int{100, 10_000, 1_000_000} {
		for _, o := range []struct {
			name string
			leap int
		}{{"replayed", 1}, {"scattered", int(float64(n)*0.618) | 1}} {
			b.Run("keys="+strconv.Itoa(n)+"/order="+o.name, func(b *testing.B) {
				d, err := dedup.New[int, int](dedup.Window(time.Hour, dedup.Unbounded()))
				require.NoError(b, err)
				for _, s := range []struct {
					impl string
					ask  func(int) (int, error)
				}{
					{"weir", func(key int) (int, error) { return d.Do(ctx, key, one) }},
					{"otter", otterOf[int](b, ctx, 2*n)},
					{"map", mapOf[int]()},
				} {
					b.Run("impl="+s.impl, func(b *testing.B) { leaps(b, n, o.leap, s.ask) })
				}
			})
		}
	}
}

// leaps asks for the keys below n again and again, each leap after the other.
func leaps(b *testing.B, n, leap int, ask func(int) (int, error)) {
	for key := range n {
		_, _ = ask(key)
	}
	at := 0
	b.ReportAllocs()
	defer metered(b)()
	for b.Loop() {
		if v, err := ask(at); v != 1 || err != nil {
			b.Fatal(v, err)
		}
		if at += leap; at >= n {
			at -= n
		}
	}
}

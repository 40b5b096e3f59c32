package dedup_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

func one(context.Context) (int, error) { return 1, nil }

// stride scatters the numbers below n.
func stride(i, n int) int { return int(uint64(i) * 0x9E3779B1 % uint64(n)) }

func keys(n int) []string {
	ks := make([]string, n)
	for i := range ks {
		ks[i] = "prompt-" + strconv.Itoa(i)
	}
	return ks
}

// BenchmarkHit visits the keys in an order that no cache can guess. What it shows for
// many keys is mostly the memory's latency: the cost of a hit does not grow otherwise.
func BenchmarkHit(b *testing.B) {
	for _, n := range []int{100, 100_000, 1_000_000} {
		b.Run("live="+strconv.Itoa(n), func(b *testing.B) {
			d, err := dedup.New[int, int](dedup.Window(time.Hour, dedup.Unbounded()))
			require.NoError(b, err)
			ctx := context.Background()
			for k := range n {
				_, _ = d.Do(ctx, k, one)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				_, _ = d.Do(ctx, stride(i, n), one)
			}
		})
	}
}

func BenchmarkHitParallel(b *testing.B) {
	d, err := dedup.New[string, int](dedup.Window(time.Hour))
	require.NoError(b, err)
	ctx, ks := context.Background(), keys(100)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			_, _ = d.Do(ctx, ks[i%100], one)
		}
	})
}

// BenchmarkMiss runs a function for keys of one caller each: shared only
// while in flight, the same with a caller whose context can be cancelled, and
// kept under a cap that is always full.
func BenchmarkMiss(b *testing.B) {
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	ks := keys(1 << 20)
	for _, tt := range []struct {
		name string
		ctx  context.Context
		p    dedup.Policy
	}{
		{"inflight", context.Background(), dedup.Window(0)},
		{"inflight-cancellable", cancellable, dedup.Window(0)},
		{"kept", context.Background(), dedup.Window(time.Hour)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			d, err := dedup.New[string, int](tt.p)
			require.NoError(b, err)
			for _, k := range ks[:100_000] {
				_, _ = d.Do(tt.ctx, k, one)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				_, _ = d.Do(tt.ctx, ks[(i+100_000)&(len(ks)-1)], one)
			}
		})
	}
}

func BenchmarkCheckComplete(b *testing.B) {
	for _, tt := range []struct {
		name string
		ttl  time.Duration
	}{{"inflight", 0}, {"kept", time.Hour}} {
		b.Run(tt.name, func(b *testing.B) {
			d, err := dedup.New[int, int](dedup.Window(tt.ttl))
			require.NoError(b, err)
			b.ReportAllocs()
			for i := range b.N {
				d.Complete(d.Check(i).Token, i)
			}
		})
	}
}

// counter is a follower that counts.
type counter struct{ told int }

func (c *counter) Done(int, error) { c.told++ }

func BenchmarkJoin(b *testing.B) {
	d, err := dedup.New[int, int](dedup.Window(0))
	require.NoError(b, err)
	var c counter
	b.ReportAllocs()
	for i := range b.N {
		t := d.Check(i).Token
		d.Join(i, &c)
		d.Complete(t, i)
	}
	require.Equal(b, b.N, c.told)
}

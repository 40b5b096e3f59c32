package dedup

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Each result that is kept removes two that have expired, from wherever they are: what
// has expired is gone before half as many have come anew. It is told by what is in the
// shard, because each question from outside removes all of it.
func TestEachResultRemovesTwo(t *testing.T) {
	const n = 1000
	for name, first := range map[string]time.Duration{
		"of one ttl":                    time.Second,
		"of mixed ttls, behind the old": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, err := New[int, int](Window(time.Second, Unbounded(), Shards(1)))
				require.NoError(t, err)
				keep := func(key int, opts ...CallOption) { d.Complete(d.Check(key).Token, key, opts...) }
				keep(0, TTL(first))
				for key := range n {
					keep(key + 1)
				}
				time.Sleep(time.Second)
				for key := range n / 2 {
					require.GreaterOrEqual(t, d.shards[0].kept, n-2*key)
					keep(2*n + key)
				}
				require.LessOrEqual(t, d.shards[0].kept, n/2+5)
			})
		})
	}
}

// What is forgotten when it has expired already leaves nothing behind.
func TestForgetOfWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := New[int, int](Window(time.Second))
		require.NoError(t, err)
		d.Complete(d.Check(1).Token, 1)
		time.Sleep(time.Second)
		require.False(t, d.Forget(1))
		require.Zero(t, d.shard(func() uint64 { h, _ := d.hash(1); return h }()).kept)
	})
}

// The room that a crowd took is not kept for ever.
func TestRoomOfACrowd(t *testing.T) {
	d, err := New[int, int](Window(0, Shards(1)))
	require.NoError(t, err)
	for round := range 3 {
		token := d.Check(round).Token
		for range 2 * mostSpared {
			d.Join(round, quiet{})
		}
		d.Complete(token, 1)
		require.NoError(t, d.Invariants())
	}
}

type quiet struct{}

func (quiet) Done(int, error) {}

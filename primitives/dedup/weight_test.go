package dedup_test

import (
	"math"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// weighed makes a deduplicator in which a value weighs what it is.
func weighed(t testing.TB, limit int64, opts ...dedup.Option) *dedup.Dedup[string, int] {
	t.Helper()
	d, err := dedup.New[string](dedup.Window(time.Minute, append(opts, dedup.MaxWeight(limit))...),
		dedup.Hooks[int]{Weigh: func(v int) int64 { return int64(v) }})
	require.NoError(t, err)
	return d
}

func contained(d *dedup.Dedup[string, int], keys string) (in string) {
	for _, k := range keys {
		if d.Contains(string(k)) {
			in += string(k)
		}
	}
	return in
}

// Row 26 of the resilience list: the weight is never exceeded. As many of the oldest go
// as it takes. A result that is too heavy alone is not kept and evicts no other.
func TestResilience26Weight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := weighed(t, 10)
		for _, kv := range []struct {
			key    string
			weight int
			in     string
		}{
			{"a", 4, "a"}, {"b", 3, "ab"}, {"c", 3, "abc"}, {"d", 1, "bcd"}, {"e", 7, "de"},
			{"f", 11, "de"}, {"g", 0, "deg"}, {"h", -5, "degh"}, {"i", 10, "ghi"},
		} {
			c := d.Check(kv.key)
			var r recorder
			d.Join(kv.key, &r)
			require.True(t, d.Complete(c.Token, kv.weight))
			require.Equal(t, []int{kv.weight}, r.values, "also of one that is not kept")
			require.Equal(t, kv.in, contained(d, "abcdefghi"), kv.key)
			require.LessOrEqual(t, d.Snapshot().Weight, int64(10))
		}
		s := d.Snapshot()
		require.Equal(t, []uint64{1, 5}, []uint64{s.Oversize, s.Evicted})
		require.Equal(t, []int64{10, 10}, []int64{s.Weight, s.MaxWeight})
		time.Sleep(time.Minute)
		require.Zero(t, d.Snapshot().Weight)
		keep(t, d, "a", 5)
		d.Clear()
		require.Zero(t, d.Snapshot().Weight)
	})
}

// A renewed value weighs what it weighs now; one that has become too heavy is gone.
func TestWeightOfARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := weighed(t, 10, dedup.ServeStale(time.Hour), dedup.ErrorTTL(time.Second))
		keep(t, d, "a", 3)
		keep(t, d, "b", 3)
		time.Sleep(time.Minute)
		require.True(t, d.Complete(d.Check("a").Token, 7))
		require.Equal(t, "ab", contained(d, "ab"))
		require.EqualValues(t, 10, d.Snapshot().Weight)
		time.Sleep(time.Minute)
		require.True(t, d.Complete(d.Check("a").Token, 11))
		require.Equal(t, "b", contained(d, "ab"))
		require.EqualValues(t, 3, d.Snapshot().Weight)
		d.Fail(d.Check("c").Token, errDown)
		require.EqualValues(t, 3, d.Snapshot().Weight, "an error weighs nothing")
	})
}

// The weights survive that the entries move.
func TestWeightsMoveAlong(t *testing.T) {
	d := weighed(t, 1<<40, dedup.Unbounded())
	for i := range 5000 {
		keep(t, d, strconv.Itoa(i), i)
	}
	for i := range 4900 {
		require.True(t, d.Forget(strconv.Itoa(i)))
	}
	want := 0
	for i := 4900; i < 5000; i++ {
		want += i
	}
	require.EqualValues(t, want, d.Snapshot().Weight)
	require.True(t, d.EvictOldest())
	require.EqualValues(t, want-4900, d.Snapshot().Weight)
}

// Row 26: entries and weight are bounded under concurrent insert. No bubble:
// real parallelism is the point.
func TestResilience26BoundsUnderConcurrency(t *testing.T) {
	d := weighed(t, 100, dedup.MaxEntries(20))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				c := d.Check(strconv.Itoa(i*8 + w))
				d.Complete(c.Token, i%30)
				if i%50 == 0 {
					s := d.Snapshot()
					assert.LessOrEqual(t, s.Weight, int64(100))
					assert.LessOrEqual(t, s.Cached, 20)
				}
			}
		})
	}
	wg.Wait()
	require.NotZero(t, d.Snapshot().Evicted)
}

// The fault: the sum of two large weights was negative, and so below any bound.
func TestWeightsThatAddUpToMoreThanANumberHolds(t *testing.T) {
	d, err := dedup.New[string](dedup.Window(time.Minute, dedup.MaxWeight(math.MaxInt64)),
		dedup.Hooks[int64]{Weigh: func(v int64) int64 { return v }})
	require.NoError(t, err)
	for _, key := range []string{"a", "b", "c"} {
		d.Complete(d.Check(key).Token, math.MaxInt64)
		require.True(t, d.Contains(key))
		require.Equal(t, int64(math.MaxInt64), d.Snapshot().Weight)
	}
	d.Complete(d.Check("d").Token, 1)
	require.EqualValues(t, 1, d.Snapshot().Weight)
	require.EqualValues(t, 3, d.Snapshot().Evicted)
}

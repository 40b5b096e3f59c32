package dedup_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

// Row 25 of the resilience list: jitter shortens the ttl, within its bounds, and
// spreads over all of them.
func TestResilience25JitterBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		d := make1[int, int](t, dedup.Window(100*time.Second, dedup.Jitter(0.5), dedup.Unbounded()))
		for i := range n {
			d.Complete(d.Check(i).Token, i)
		}
		time.Sleep(50*time.Second - 1)
		require.Equal(t, n, d.Snapshot().Cached, "never less than half")
		last := n
		for range 10 {
			time.Sleep(5 * time.Second)
			left := d.Snapshot().Cached
			require.InDelta(t, n/10, last-left, n/25, "as many in each tenth of the time")
			last = left
		}
		require.LessOrEqual(t, last, 1)
		time.Sleep(time.Nanosecond)
		require.Zero(t, d.Snapshot().Cached, "never more than the ttl")
	})
}

// Results of many ttls are all found when they have expired, in passing: no old one
// hides the others, and the cap holds.
func TestMixedTTLsAreSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[int, int](t, dedup.Window(time.Second, dedup.Jitter(1), dedup.ErrorTTL(time.Hour), dedup.Unbounded()))
		for i := range 100_000 {
			if i%1000 == 0 {
				time.Sleep(time.Second)
			}
			if c := d.Check(i); i%10_000 == 0 {
				d.Fail(c.Token, errDown)
			} else {
				d.Complete(c.Token, i)
			}
		}
		before := d.Snapshot().Expired
		time.Sleep(time.Second)
		require.InDelta(t, 5, d.Snapshot().Cached, 5, "the errors")
		require.Less(t, d.Snapshot().Expired-before, uint64(5000), "nearly all had gone before")
	})
}

// At takes the place of the clock: what is kept is judged by it, and kept from it on.
func TestAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute))
		now := time.Now()
		time.Sleep(10 * time.Second)
		require.True(t, d.Complete(d.Check("k").Token, 1, dedup.At(now)))
		at := func(age time.Duration) dedup.CallOption { return dedup.At(now.Add(age)) }
		require.Equal(t, dedup.Cached, d.Check("k", at(time.Minute-1)).State)
		v, err := d.Do(t.Context(), "k", never, at(time.Minute-1))
		require.NoError(t, err)
		require.Equal(t, 1, v)
		time.Sleep(50*time.Second - 1)
		require.True(t, d.Contains("k"))
		time.Sleep(time.Nanosecond)
		require.False(t, d.Contains("k"))
		v, err = d.Do(t.Context(), "k", one, at(time.Minute))
		require.NoError(t, err)
		require.Equal(t, 1, v)
		time.Sleep(time.Minute - 1)
		require.True(t, d.Contains("k"), "Do keeps by the clock")
		require.Equal(t, dedup.First, d.CheckAll([]string{"k"}, dedup.At(time.Now().Add(1)))[0].State)
		require.Equal(t, dedup.First, d.Check("past", dedup.At(now.Add(-time.Hour))).State, "before the beginning")

		s := newSet[string](t, dedup.Window(time.Minute))
		now = time.Now()
		require.False(t, seen(t, s, "k", at(0)))
		require.True(t, seen(t, s, "k", at(time.Minute-1)))
		require.False(t, seen(t, s, "k", at(time.Minute)))
	})
}

// What is kept for ever costs no clock read, and is never stale.
func TestForEverIsNeverStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(1<<63-1, dedup.ServeStale(time.Hour)))
		keep(t, d, "k", 1)
		time.Sleep(1000 * time.Hour)
		require.Equal(t, dedup.Cached, d.Check("k").State)
	})
}

// The results of a batch have a jitter each.
func TestABatchDoesNotExpireTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[int, int](t, dedup.Window(time.Minute, dedup.Jitter(1), dedup.Shards(1)))
		var tokens []dedup.Token
		for key := range 100 {
			tokens = append(tokens, d.Check(key).Token)
		}
		require.Equal(t, 100, d.CompleteAll(tokens, make([]int, 100)))
		time.Sleep(30 * time.Second)
		require.InDelta(t, 50, d.Snapshot().Cached, 30)
	})
}

// Two callers that read the clock before they came may come in the other order. What
// expires first is gone first, however close they are.
func TestTimesThatComeOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make1[string, int](t, dedup.Window(time.Minute, dedup.Shards(1)))
		earlier := time.Now()
		time.Sleep(500 * time.Microsecond)
		d.Complete(d.Check("later").Token, 1, dedup.At(time.Now()))
		d.Complete(d.Check("earlier").Token, 1, dedup.At(earlier))
		time.Sleep(time.Minute - 400*time.Microsecond)
		require.Equal(t, 1, d.Snapshot().Cached)
		require.True(t, d.Contains("later"))
	})
}

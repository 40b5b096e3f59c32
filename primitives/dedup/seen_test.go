package dedup_test

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/dedup"
)

func newSet[K comparable](t testing.TB, p dedup.Policy) *dedup.Set[K] {
	t.Helper()
	s, err := dedup.NewSet[K](p)
	require.NoError(t, err)
	return s
}

// A key is seen from its first time until it is as old as the ttl, however often
// it comes meanwhile.
func TestSetSeesWhatComesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[string](t, dedup.Window(time.Second))
		require.False(t, s.Seen("a"))
		require.False(t, s.Seen("b", dedup.TTL(time.Hour)))
		require.False(t, s.Seen("c", dedup.TTL(0)))
		require.False(t, s.Seen("c", dedup.TTL(0)))
		time.Sleep(time.Second - 1)
		require.True(t, s.Seen("a"))
		require.True(t, s.Seen("a", dedup.TTL(0)))
		time.Sleep(time.Nanosecond)
		require.False(t, s.Seen("a"), "to be seen again does not prolong the time")
		require.True(t, s.Seen("b"))
		require.True(t, s.Forget("b"))
		require.False(t, s.Forget("b"))
		require.False(t, s.Seen("b"))
		snap := s.Snapshot()
		require.Equal(t, []uint64{3, 6}, []uint64{snap.Hits, snap.Misses})
		require.Equal(t, snap.Misses, snap.Completed)
		require.Equal(t, 2, snap.Cached)
		s.Clear()
		require.False(t, s.Seen("a"))
	})
}

func TestSetForgetsTheOldestAtTheCap(t *testing.T) {
	s := newSet[int](t, dedup.Window(time.Hour, dedup.MaxEntries(3)))
	for i := range 5 {
		require.False(t, s.Seen(i))
	}
	require.Equal(t, 3, s.Snapshot().Cached)
	require.True(t, s.Seen(2))
	require.False(t, s.Seen(1))
}

// Of all who ask at once, one is told false. No bubble: real parallelism is the
// point.
func TestSetTellsOneOfMany(t *testing.T) {
	s := newSet[int](t, dedup.Window(time.Hour))
	var first atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for k := range 2000 {
				if !s.Seen(k) {
					first.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 2000, first.Load())
}

func TestSetOfUnusualKeys(t *testing.T) {
	nan := newSet[float64](t, dedup.Window(time.Hour))
	require.False(t, nan.Seen(math.NaN()))
	require.False(t, nan.Seen(math.NaN()))
	require.Zero(t, nan.Snapshot().Cached, "it would never be found again")
	bad := newSet[any](t, dedup.Window(time.Hour))
	require.False(t, bad.Seen([]int{1}))
	require.False(t, bad.Seen([]int{1}))
	require.False(t, bad.Forget([]int{1}))
	require.False(t, bad.Seen("x"))
	require.True(t, bad.Seen("x"))
}

func TestSetPolicyFaults(t *testing.T) {
	_, err := dedup.NewSet[int](dedup.Window(0, dedup.Name("s"), dedup.MaxEntries(0), dedup.ErrorTTL(time.Second)))
	require.ErrorIs(t, err, dedup.ErrPolicy)
	for _, text := range []string{`dedup "s"`, "max entries 0", "ttl of 0", "neither values nor errors"} {
		require.ErrorContains(t, err, text)
	}
	_, err = dedup.NewSet[int](dedup.Policy{})
	require.ErrorContains(t, err, "zero policy")
}

// A key costs little, and nothing that the garbage collector would have to follow.
func TestSetIsSmall(t *testing.T) {
	const n = 200_000
	s := newSet[int](t, dedup.Window(time.Hour, dedup.Unbounded()))
	before := heap()
	for i := range n {
		s.Seen(i)
	}
	require.Less(t, (heap()-before)/n, 70)
	for i := range n {
		require.True(t, s.Seen(i), strconv.Itoa(i))
	}
}

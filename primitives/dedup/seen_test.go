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

// seen asks for a key that is one.
func seen[K comparable](t testing.TB, s *dedup.Set[K], key K, opts ...dedup.CallOption) bool {
	was, err := s.Seen(key, opts...)
	if err != nil {
		t.Error(err) // not require: goroutines ask as well
	}
	return was
}

// A key is seen from its first time until it is as old as the ttl, however often
// it comes meanwhile.
func TestSetSeesWhatComesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet[string](t, dedup.Window(time.Second))
		require.False(t, seen(t, s, "a"))
		require.False(t, seen(t, s, "b", dedup.TTL(time.Hour)))
		require.False(t, seen(t, s, "c", dedup.TTL(0)))
		require.False(t, seen(t, s, "c", dedup.TTL(0)))
		time.Sleep(time.Second - 1)
		require.True(t, seen(t, s, "a"))
		require.True(t, seen(t, s, "a", dedup.TTL(0)))
		time.Sleep(time.Nanosecond)
		require.False(t, seen(t, s, "a"), "to be seen again does not prolong the time")
		require.True(t, seen(t, s, "b"))
		require.True(t, s.Forget("b"))
		require.False(t, s.Forget("b"))
		require.False(t, seen(t, s, "b"))
		snap := s.Snapshot()
		require.Equal(t, []uint64{3, 6}, []uint64{snap.Hits, snap.Misses})
		require.Equal(t, snap.Misses, snap.Completed)
		require.Equal(t, 2, snap.Cached)
		s.Clear()
		require.False(t, seen(t, s, "a"))
	})
}

func TestSetForgetsTheOldestAtTheCap(t *testing.T) {
	s := newSet[int](t, dedup.Window(time.Hour, dedup.MaxEntries(3)))
	for i := range 5 {
		require.False(t, seen(t, s, i))
	}
	require.Equal(t, 3, s.Snapshot().Cached)
	require.True(t, seen(t, s, 2))
	require.False(t, seen(t, s, 1))
}

// Of all callers at once, one is told false. No bubble: real parallelism is the
// point.
func TestSetTellsOneOfMany(t *testing.T) {
	s := newSet[int](t, dedup.Window(time.Hour))
	var first atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for k := range 2000 {
				if !seen(t, s, k) {
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
	_, err := nan.Seen(math.NaN())
	require.ErrorIs(t, err, dedup.ErrKey)
	require.Zero(t, nan.Snapshot().Cached, "it would never be found again")
	bad := newSet[any](t, dedup.Window(time.Hour))
	_, err = bad.Seen([]int{1})
	require.ErrorIs(t, err, dedup.ErrKey)
	require.False(t, bad.Forget([]int{1}))
	require.False(t, seen(t, bad, "x"))
	require.True(t, seen(t, bad, "x"))
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
		seen(t, s, i)
	}
	require.Less(t, (heap()-before)/n, 70)
	for i := range n {
		require.True(t, seen(t, s, i), strconv.Itoa(i))
	}
}

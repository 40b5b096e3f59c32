package dedup

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Row 25 of the resilience list: ages are told by the monotonic clock, so that a step
// of the wall clock makes nothing older or younger.
func TestResilience25AgesAreMonotonic(t *testing.T) {
	d, err := New[int, int](Window(time.Minute))
	require.NoError(t, err)
	require.Contains(t, d.start.String(), " m=", "it has a monotonic reading, which Sub and Since go by")
	synctest.Test(t, func(t *testing.T) {
		d, err := New[int, int](Window(time.Minute))
		require.NoError(t, err)
		require.Equal(t, int64(1), d.now(), "no time is 0")
		time.Sleep(time.Minute)
		require.Equal(t, int64(time.Minute)+1, d.now())
	})
}

// Keys that share a shard or a bucket in one deduplicator do not in another: to
// flood it takes its seed.
func TestHashesAreItsOwn(t *testing.T) {
	a, err := New[string, int](Window(time.Minute))
	require.NoError(t, err)
	b, err := New[string, int](Window(time.Minute))
	require.NoError(t, err)
	same := 0
	for _, key := range []string{"", "a", "b", "prompt-1", "prompt-2", "prompt-3", "prompt-4", "prompt-5"} {
		x, _ := a.hash(key)
		y, _ := b.hash(key)
		if x == y {
			same++
		}
		again, _ := a.hash(key)
		require.Equal(t, x, again)
	}
	require.Zero(t, same)
}

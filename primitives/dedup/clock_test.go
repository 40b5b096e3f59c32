package dedup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Row 25 of the resilience list: ages are told by the monotonic clock, so that a step
// of the wall clock makes nothing older or younger.
func TestResilience25AgesAreMonotonic(t *testing.T) {
	d, err := New[int, int](Window(time.Minute))
	require.NoError(t, err)
	require.Contains(t, d.start.String(), " m=", "it has a monotonic reading, which Sub and Since go by")
	require.Less(t, d.now(), int64(time.Minute))
}

// Keys that share a shard or a bucket in one deduplicator do not in another: who wants
// to flood it would have to know its seed.
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

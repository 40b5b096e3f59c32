package guard_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// A second release does not free the unit of another call.
func TestReleaseCountsOnce(t *testing.T) {
	g := newGuard(t, guard.Limit(2))
	p, q := take(t, g), take(t, g)
	twin := p
	require.True(t, p.Release())
	require.False(t, p.Release())
	require.False(t, twin.Release())
	require.Equal(t, 1, g.Snapshot().Depth)
	require.True(t, q.Release())
	require.Equal(t, 0, g.Snapshot().Depth)
}

// Fault: a late second release frees the unit of the call that has it now.
func TestReleaseOfAnOldCopyAfterReuse(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	old := take(t, g)
	require.True(t, old.Release())
	for range 100 {
		p := take(t, g) // the same slot again
		require.False(t, old.Release())
		require.True(t, g.Snapshot().Full())
		require.True(t, p.Release())
	}
}

// No bubble: real parallelism is the point.
func TestReleaseOfCopiesAtTheSameMoment(t *testing.T) {
	g := newGuard(t, guard.Limit(4))
	for range 200 {
		p, other := take(t, g), take(t, g)
		var released atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if p.Release() {
					released.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, released.Load())
		require.Equal(t, 1, g.Snapshot().Depth)
		other.Release()
	}
}

func TestZeroPermit(t *testing.T) {
	require.False(t, guard.Permit{}.Release())
	require.False(t, guard.Permit{}.Done(t.Context(), nil))
}

// Of Release and Done the first counts, whether the guard learns from it or not.
func TestDoneReleases(t *testing.T) {
	for _, p := range []guard.Policy{guard.Limit(2), guard.Limit(2, guard.Adaptive(guard.Vegas(), 1, 4))} {
		for _, err := range []error{nil, errors.New("boom")} {
			g := newGuard(t, p)
			a, b := take(t, g), take(t, g)
			require.True(t, a.Done(t.Context(), err))
			require.False(t, a.Done(t.Context(), err))
			require.False(t, a.Release())
			require.True(t, b.Release())
			require.False(t, b.Done(t.Context(), err))
			require.True(t, g.Snapshot().Empty())
		}
	}
}

// A guard needs no Reset. Double, late and foreign releases do not change the depth. A
// function that panics loses nothing. A new guard begins again, and the permits of the old
// one do not affect it.
func TestNoResetIsNeeded(t *testing.T) {
	policy := guard.Limit(2)
	g := newGuard(t, policy)
	a, b := take(t, g), take(t, g)

	fresh := newGuard(t, policy)
	c := take(t, fresh)
	require.True(t, a.Release())
	require.False(t, a.Release())
	require.Equal(t, 1, g.Snapshot().Depth)
	require.Equal(t, 1, fresh.Snapshot().Depth, "a permit knows its guard")

	require.True(t, b.Release())
	require.False(t, b.Release())
	require.Equal(t, 0, g.Snapshot().Depth, "never below zero")
	require.True(t, c.Release())

	// After all that, exactly the capacity is left.
	take(t, g)
	take(t, g)
	_, err := g.TryAcquire()
	require.ErrorIs(t, err, guard.ErrShed)
}

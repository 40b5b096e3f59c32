package guard_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// Weights are of any size: bytes, tokens. Sums of them must not overflow.

// Fault: the weights of three waiters added up to 0, the queue of a higher level was
// taken for empty, and the next release crashed.
func TestWeightsOfWaitersThatAddUpToZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(math.MaxInt, guard.HeadStart(time.Hour)))
		p, err := g.TryAcquire(guard.Weight(math.MaxInt))
		require.NoError(t, err)
		var served []guard.Permit
		for _, weight := range []int{math.MaxInt, math.MaxInt, 2} {
			_, place, err := g.Enlist(t.Context(), func(p guard.Permit, err error) {
				require.NoError(t, err)
				served = append(served, p)
			}, guard.Weight(weight), guard.Priority(guard.High))
			require.NoError(t, err)
			require.True(t, place.Waits())
		}
		for i := range 3 {
			require.Equal(t, 3-i, g.Snapshot().Waiting)
			require.True(t, p.Release())
			require.Len(t, served, i+1)
			p = served[i]
		}
		require.True(t, p.Release())
		require.True(t, g.Snapshot().Empty())
	})
}

// Fault: behind waiters of great weight the expected wait was negative, and a call whose
// deadline was near waited in vain.
func TestADeadlineBehindGreatWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(math.MaxInt, guard.Deadlines()))
		p, _ := g.TryAcquire(guard.Weight(math.MaxInt))
		time.Sleep(time.Second)
		p.Release()
		p, _ = g.TryAcquire(guard.Weight(math.MaxInt))
		defer p.Release()
		for range 3 {
			_, place, err := g.Enlist(t.Context(), never(t), guard.Weight(math.MaxInt))
			require.NoError(t, err)
			defer place.Leave()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, _, err := g.Enlist(ctx, never(t))
		var shed *guard.ShedError
		require.ErrorAs(t, err, &shed)
		require.Equal(t, guard.Late, shed.Reason)
		require.InDelta(t, 3*time.Second, shed.After, float64(time.Millisecond))
	})
}

// Fault: twice and five times what was in use overflowed, and an adaptive guard of
// great weights fell to its lower bound.
func TestAnAdaptiveGuardOfGreatWeights(t *testing.T) {
	for name, bounds := range map[string][2]int{"grows": {math.MaxInt / 3, math.MaxInt}, "stands at its bound": {math.MaxInt, math.MaxInt}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard(t, guard.Limit(bounds[0], guard.Adaptive(guard.AIMD(0.5, 0), 1, bounds[1])))
				for range 40 {
					p, err := g.TryAcquire(guard.Weight(bounds[0]))
					require.NoError(t, err)
					time.Sleep(10 * time.Millisecond)
					require.True(t, p.Release())
				}
				require.GreaterOrEqual(t, g.Capacity(), bounds[0]/100*99, "it is rounded")
			})
		})
	}
}

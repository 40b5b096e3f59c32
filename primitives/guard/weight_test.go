package guard_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

// Fault: a semaphore that is given a negative weight blocks for ever, or grants ten units of
// one.
func TestBadWeightsAreRefused(t *testing.T) {
	g := newGuard(t, guard.Limit(3, guard.Name("model")))
	for weight, want := range map[int]string{
		0:            `guard "model": weight 0 is below 1`,
		-9:           `guard "model": weight -9 is below 1`,
		math.MinInt:  fmt.Sprintf(`guard "model": weight %d is below 1`, math.MinInt),
		4:            `guard "model": weight 4 is above the capacity 3`,
		math.MaxInt:  fmt.Sprintf(`guard "model": weight %d is above the capacity 3`, math.MaxInt),
		-math.MaxInt: fmt.Sprintf(`guard "model": weight %d is below 1`, -math.MaxInt),
	} {
		_, err := g.TryAcquire(guard.Weight(weight))
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, guard.ErrCall)
		_, err = g.Acquire(t.Context(), guard.Weight(weight))
		require.EqualError(t, err, want)
		fault, ok := errors.AsType[*guard.CallError](err)
		require.True(t, ok)
		require.Equal(t, guard.CallError{Name: "model", Weight: weight, Capacity: 3}, *fault)
		require.Equal(t, outcome.Ignored, fault.Outcome().Kind)
	}
	for _, l := range []guard.Level{-2, 2, math.MaxInt8} {
		_, err := g.TryAcquire(guard.Priority(l))
		require.ErrorIs(t, err, guard.ErrCall)
		require.ErrorContains(t, err, "is unknown")
	}
	require.Equal(t, guard.Snapshot{Name: "model", Capacity: 3}, g.Snapshot())
}

func TestWeightsAddUp(t *testing.T) {
	g := newGuard(t, guard.Limit(5))
	a, err := g.TryAcquire(guard.Weight(3))
	require.NoError(t, err)
	b := take(t, g)
	_, err = g.TryAcquire(guard.Weight(2))
	shed, ok := errors.AsType[*guard.ShedError](err)
	require.True(t, ok)
	require.Equal(t, guard.ShedError{Depth: 4, Capacity: 5}, *shed, "the depth is what was in use, not the capacity")
	c := take(t, g)
	require.True(t, g.Snapshot().Full())
	require.True(t, a.Release())
	require.False(t, a.Release())
	require.Equal(t, 2, g.Snapshot().Depth)
	all, err := g.TryAcquire(guard.Weight(3))
	require.NoError(t, err)
	all.Release()
	b.Release()
	c.Release()
	require.True(t, g.Snapshot().Empty())
}

// Light calls do not starve a heavy one, and keep their order behind it.
func TestHeavyCallIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(3))
		p, q := take(t, g), take(t, g)
		heavy := acquire(t.Context(), g, guard.Weight(3))
		light := acquire(t.Context(), g)
		_, err := g.TryAcquire()
		require.ErrorIs(t, err, guard.ErrShed, "one unit is free, and later calls do not get it")
		p.Release()
		require.True(t, waits(heavy))
		require.True(t, waits(light))
		q.Release()
		a := <-heavy
		require.True(t, waits(light))
		a.permit.Release()
		b := <-light
		b.permit.Release()
		require.True(t, g.Snapshot().Empty())
	})
}

// When the heavy call leaves, the waiters behind it go on.
func TestLightCallsGoOnWhenTheHeavyOneLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(3))
		p := take(t, g)
		ctx, cancel := cancellable(t)
		heavy := acquire(ctx, g, guard.Weight(3))
		one, two, three := acquire(t.Context(), g), acquire(t.Context(), g), acquire(t.Context(), g)
		cancel()
		require.Error(t, (<-heavy).err)
		a, b := <-one, <-two
		require.True(t, waits(three), "exactly the two that fit")
		p.Release()
		c := <-three
		for _, a := range []answer{a, b, c} {
			a.permit.Release()
		}
	})
}

// The sum of the weights never exceeds the limit, and ends at 0.
// No bubble: real parallelism is the point.
func TestNeverMoreWeightThanCapacity(t *testing.T) {
	const capacity = 70 // some of it in the cells, some behind the lock
	g := newGuard(t, guard.Limit(capacity))
	var inFlight atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for n := range 100 {
				weight := 1 + (i*n)%3*(i%7)
				p, err := g.Acquire(t.Context(), guard.Weight(weight))
				assert.NoError(t, err)
				assert.LessOrEqual(t, inFlight.Add(int64(weight)), int64(capacity))
				inFlight.Add(-int64(weight))
				p.Release()
			}
		})
	}
	wg.Wait()
	require.Equal(t, guard.Snapshot{Capacity: capacity, Admitted: 6400}, g.Snapshot())
}

// More than there are cells for, all kept at once, and released in any order.
func TestManyPermitsAtOnce(t *testing.T) {
	for _, capacity := range []int{47, 48, 49, 50, 96, 1000} {
		g := newGuard(t, guard.Limit(capacity))
		for range 3 {
			var held []guard.Permit
			for range capacity {
				held = append(held, take(t, g))
			}
			_, err := g.TryAcquire()
			require.ErrorIs(t, err, guard.ErrShed)
			for _, i := range rand.Perm(capacity) {
				require.True(t, held[i].Release())
				require.False(t, held[i].Release())
			}
			require.True(t, g.Snapshot().Empty())
		}
		require.EqualValues(t, 3*capacity, g.Snapshot().Admitted)
	}
}

// Admissions are counted by the cells, and beside them.
func TestAdmissionsAreCountedBeyondTheWord(t *testing.T) {
	for _, kept := range []int{0, 1, 63} {
		g := newGuard(t, guard.Limit(64))
		for range kept {
			take(t, g)
		}
		for range 50_000 {
			take(t, g).Release()
		}
		require.EqualValues(t, 50_000+kept, g.Snapshot().Admitted)
		require.Equal(t, kept, g.Snapshot().Depth)
	}
}

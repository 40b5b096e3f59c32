package guard_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// The figures agree after each step of a script.
func TestSnapshotFiguresAgree(t *testing.T) {
	g := newGuard(t, guard.Limit(4, guard.SoftLimit(2, quiet)))
	var held []guard.Permit
	steps := []struct {
		add                             int
		depth, available                int
		full, empty                     bool
		utilization, headroom, softPart float64
	}{
		{0, 0, 4, false, true, 0, 1, 0},
		{+1, 1, 3, false, false, 0.25, 0.75, 0.5},
		{+1, 2, 2, false, false, 0.5, 0.5, 1},
		{+2, 4, 0, true, false, 1, 0, 2},
		{-1, 3, 1, false, false, 0.75, 0.25, 1.5},
		{-3, 0, 4, false, true, 0, 1, 0},
	}
	for _, step := range steps {
		for range step.add {
			held = append(held, take(t, g))
		}
		for range -step.add {
			held[0].Release()
			held = held[1:]
		}
		s := g.Snapshot()
		require.Equal(t, 4, s.Capacity)
		require.Equal(t, 2, s.SoftLimit)
		require.Equal(t, step.depth, s.Depth)
		require.Equal(t, step.available, s.Available())
		require.Equal(t, step.full, s.Full())
		require.Equal(t, step.empty, s.Empty())
		require.Equal(t, step.utilization, s.Utilization())
		require.Equal(t, step.headroom, s.Headroom())
		require.Equal(t, step.softPart, s.SoftRatio())
	}
}

// Fault: a ratio without its limit is NaN.
func TestSnapshotRatiosAreNumbers(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	take(t, g)
	require.Zero(t, g.Snapshot().SoftRatio())
	require.Equal(t, 1.0, guard.Snapshot{}.Utilization())
	require.Equal(t, 0.0, guard.Snapshot{}.Headroom())
	require.Equal(t, 0.0, guard.Snapshot{}.SoftRatio())
}

func TestSnapshotCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.Name("model")))
		p := take(t, g)
		_, _ = g.TryAcquire()
		_, _ = g.TryAcquire()
		next := acquire(t.Context(), g)
		require.Equal(t, guard.Snapshot{Name: "model", Capacity: 1, Depth: 1, Waiting: 1, Admitted: 1, Shed: 2}, g.Snapshot())
		p.Release()
		a := <-next
		require.Equal(t, guard.Snapshot{Name: "model", Capacity: 1, Depth: 1, Admitted: 2, Shed: 2}, g.Snapshot())
		a.permit.Release()
	})
}

// Fault: getters that are read one by one contradict each other under load. No
// bubble: real parallelism is the point.
func TestSnapshotIsOnePicture(t *testing.T) {
	g := newGuard(t, guard.Limit(3))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				p, _ := g.Acquire(t.Context())
				runtime.Gosched() // so that they are inside together
				p.Release()
			}
		})
	}
	var last guard.Snapshot
	for range 500 {
		s := g.Snapshot()
		assert.LessOrEqual(t, s.Depth, s.Capacity)
		assert.True(t, s.Waiting == 0 || s.Full(), "no call waits while a unit is free: %+v", s)
		assert.GreaterOrEqual(t, s.Admitted, last.Admitted, "a counter only grows")
		last = s
		runtime.Gosched()
	}
	wg.Wait()
}

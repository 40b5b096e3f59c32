package guard_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// Up: exactly the calls that fit are served, in their order.
func TestResizeUpWakesExactlyTheRightNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1))
		held := []guard.Permit{take(t, g)}
		var queue []<-chan answer
		for range 10 {
			queue = append(queue, acquire(t.Context(), g))
		}
		require.NoError(t, g.Resize(5))
		synctest.Wait()
		for i, c := range queue {
			if i < 4 {
				held = append(held, (<-c).permit)
			} else {
				require.True(t, waits(c))
			}
		}
		require.Equal(t, guard.Snapshot{Capacity: 5, Depth: 5, Waiting: 6, Admitted: 5}, g.Snapshot())
		require.NoError(t, g.Resize(100))
		for _, c := range queue[4:] {
			held = append(held, (<-c).permit)
		}
		for _, p := range held {
			require.True(t, p.Release())
		}
		require.Equal(t, guard.Snapshot{Capacity: 100, Admitted: 11}, g.Snapshot())
	})
}

// Down while full: calls in flight finish, and no other is admitted before the depth is
// below the new capacity.
func TestResizeDownWhileFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(4))
		var held []guard.Permit
		for range 4 {
			held = append(held, take(t, g))
		}
		next := acquire(t.Context(), g)
		require.NoError(t, g.Resize(2))
		s := g.Snapshot()
		require.Equal(t, []int{2, 4, 1}, []int{s.Capacity, s.Depth, s.Waiting})
		require.Zero(t, s.Available())
		require.Equal(t, 2.0, s.Utilization())
		for range 2 {
			held[0].Release()
			held = held[1:]
			require.True(t, waits(next))
			_, err := g.TryAcquire()
			require.ErrorIs(t, err, guard.ErrShed)
		}
		held[0].Release()
		a := <-next
		require.Equal(t, 2, g.Snapshot().Depth)
		a.permit.Release()
		held[1].Release()
		take(t, g)
		take(t, g)
		_, err := g.TryAcquire()
		require.ErrorIs(t, err, guard.ErrShed)
		require.EqualError(t, err, "guard: shed, 2 of 2 in flight")
	})
}

// Each unit above a smaller capacity must come back before another call is admitted,
// even if permits are taken without the lock.
func TestResizeDownCountsEveryPermit(t *testing.T) {
	for _, opts := range [][]guard.Option{nil, {guard.Deadlines()}, {guard.SoftLimit(1, nil)}} {
		g := newGuard(t, guard.Limit(100, opts...))
		permits := make([]guard.Permit, 100)
		require.Equal(t, 100, g.TryAcquireAll(permits))
		require.NoError(t, g.Resize(10))
		other := make([]guard.Permit, 100)
		for _, p := range permits[:90] {
			require.Zero(t, g.TryAcquireAll(other))
			require.True(t, p.Release())
		}
		require.Zero(t, g.TryAcquireAll(other))
		require.Equal(t, 10, g.ReleaseAll(permits))
		require.Equal(t, 10, g.TryAcquireAll(other))
	}
}

// Fault: a resize while the algorithm looked at half of the limit, to see how long an
// unloaded call is held, was undone when it had looked.
func TestAResizeDuringALookStands(t *testing.T) {
	for name, a := range map[string]guard.Algorithm{"Vegas": guard.Vegas(), "Gradient2": guard.Gradient2()} {
		t.Run(name, func(t *testing.T) {
			simulate(t, a, 40, 1, 40, &service{width: 60, hold: 10 * time.Millisecond}, func(s *scene) {
				ctx, cancel := context.WithCancel(s.Context())
				var wg sync.WaitGroup
				defer func() { cancel(); wg.Wait() }()
				for range 60 {
					wg.Go(func() {
						for ctx.Err() == nil {
							_, _ = s.guard.Do(ctx, s.service.call)
						}
					})
				}
				looks := func() bool { return s.guard.Capacity() == 20 } // half of 40
				for range 60_000 {
					if time.Sleep(5 * time.Millisecond); looks() {
						break
					}
				}
				require.True(s, looks())
				require.NoError(s, s.guard.Resize(10))
				time.Sleep(150 * time.Millisecond) // the end of the look
				require.Less(s, s.guard.Capacity(), 40)
			})
		})
	}
}

// Fault: a waiter that does not fit any more waits for ever.
func TestResizeBelowTheWeightOfAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(4))
		p := take(t, g)
		heavy := acquire(t.Context(), g, guard.Weight(4))
		light := acquire(t.Context(), g)
		require.NoError(t, g.Resize(3))
		a := <-heavy
		require.EqualError(t, a.err, "guard: weight 4 is above the capacity 3")
		b := <-light
		require.NoError(t, b.err)
		b.permit.Release()
		p.Release()
	})
}

func TestResizeIsRefused(t *testing.T) {
	g := newGuard(t, guard.Limit(4, guard.Name("model")))
	for _, n := range []int{0, -1} {
		err := g.Resize(n)
		require.ErrorIs(t, err, guard.ErrPolicy)
		fault, ok := errors.AsType[*guard.PolicyError](err)
		require.True(t, ok)
		require.Equal(t, "model", fault.Name)
	}
	require.Equal(t, 4, g.Capacity())
	a := newGuard(t, guard.Limit(4, guard.Adaptive(guard.Vegas(), 2, 8)))
	require.EqualError(t, a.Resize(9), "guard: invalid policy: capacity 9 is outside the bounds 2 to 8")
	require.ErrorIs(t, a.Resize(1), guard.ErrPolicy)
	for _, n := range []int{8, 2} { // the bounds themselves
		require.NoError(t, a.Resize(n))
		require.Equal(t, n, a.Capacity())
	}
}

// Fault: a limit that is read before the count is raised is exceeded. A call that comes
// in after Resize has returned finds the new limit kept. No bubble: real parallelism is
// the point.
func TestResizeIsExactUnderLoad(t *testing.T) {
	const most = 60
	g := newGuard(t, guard.Limit(most))
	var inFlight atomic.Int64
	var size sync.RWMutex // held to resize while no call is on its way in
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				size.RLock()
				p, err := g.TryAcquire()
				if err == nil {
					assert.LessOrEqual(t, inFlight.Add(1), int64(g.Capacity()), "admitted above the limit")
				}
				size.RUnlock()
				if err != nil {
					runtime.Gosched()
					continue
				}
				if i%2 == 0 {
					runtime.Gosched()
				}
				inFlight.Add(-1)
				p.Release()
				runtime.Gosched() // on one CPU the others would wait for the scheduler
			}
		})
	}
	for range 1000 {
		size.Lock()
		assert.NoError(t, g.Resize(1+rand.IntN(most)))
		size.Unlock()
		runtime.Gosched()
	}
	close(stop)
	wg.Wait()
	require.True(t, g.Snapshot().Empty())
}

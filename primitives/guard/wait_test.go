package guard_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

// answer is how an Acquire in a goroutine of its own has ended.
type answer struct {
	permit guard.Permit
	err    error
}

// acquire starts an Acquire and returns when it has ended or waits.
func acquire(ctx context.Context, g *guard.Guard, opts ...guard.CallOption) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		p, err := g.Acquire(ctx, opts...)
		c <- answer{p, err}
	}()
	synctest.Wait()
	return c
}

// waits reports that the Acquire has not ended.
func waits(c <-chan answer) bool {
	synctest.Wait()
	return len(c) == 0
}

// First come, first served.
func TestAcquireIsFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1))
		p := take(t, g)
		var queue []<-chan answer
		for range 5 {
			queue = append(queue, acquire(t.Context(), g))
		}
		require.Equal(t, 5, g.Snapshot().Waiting)
		for i, c := range queue {
			require.True(t, waits(c))
			require.True(t, p.Release())
			synctest.Wait()
			a := <-c
			require.NoError(t, a.err)
			require.Equal(t, 1, g.Snapshot().Depth)
			require.Equal(t, 4-i, g.Snapshot().Waiting)
			p = a.permit
		}
		require.True(t, p.Release())
	})
}

// A freed unit belongs to the waiter at once, even while its goroutine sleeps.
func TestNoCallOvertakesAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1))
		p := take(t, g)
		first := acquire(t.Context(), g)
		require.True(t, p.Release())
		_, err := g.TryAcquire() // in the same instant
		require.ErrorIs(t, err, guard.ErrShed)
		second := acquire(t.Context(), g)
		a := <-first
		require.NoError(t, a.err)
		require.True(t, waits(second))
		a.permit.Release()
		b := <-second
		b.permit.Release()
	})
}

// A wait ends with its context, and loses nothing.
func TestAcquireEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.Name("model")))
		p := take(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		none, err := g.Acquire(ctx)
		require.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, `guard "model": wait for a permit: context deadline exceeded`)
		var wait *guard.WaitError
		require.ErrorAs(t, err, &wait)
		require.Equal(t, "model", wait.Name)
		require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind,
			"a deadline that passed in the queue says nothing about the service")
		require.False(t, none.Release())

		require.Equal(t, 0, g.Snapshot().Waiting)
		require.EqualValues(t, 1, g.Snapshot().Cancelled)
		require.True(t, p.Release())
		require.True(t, g.Snapshot().Empty())
		take(t, g).Release()
	})
}

// The others keep their places when one leaves, at either end or in the middle.
func TestLeavingTheQueueKeepsItsOrder(t *testing.T) {
	for leaver := range 3 {
		synctest.Test(t, func(t *testing.T) {
			g := newGuard(t, guard.Limit(1))
			p := take(t, g)
			var queue []<-chan answer
			ctx, cancel := context.WithCancel(t.Context())
			for i := range 3 {
				if i == leaver {
					queue = append(queue, acquire(ctx, g))
				} else {
					queue = append(queue, acquire(t.Context(), g))
				}
			}
			cancel()
			require.ErrorIs(t, (<-queue[leaver]).err, context.Canceled)
			for i, c := range queue {
				if i == leaver {
					continue
				}
				require.True(t, p.Release())
				a := <-c
				require.NoError(t, a.err)
				p = a.permit
			}
			p.Release()
			require.True(t, g.Snapshot().Empty())
		})
	}
}

func TestADeadContextGetsNoSlot(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.Acquire(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, g.Snapshot().Empty())
}

// puppet is a context whose end the test times to the step.
type puppet struct {
	context.Context
	done chan struct{}
	err  func() error
}

func (p puppet) Done() <-chan struct{} { return p.done }
func (p puppet) Err() error            { return p.err() }

// The permit arrives, and then the context is found to have ended. The unit goes to the next
// waiter.
func TestGrantReceivedByADeadContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1))
		p := take(t, g)
		var end error
		dead := acquire(puppet{t.Context(), nil, func() error { return end }}, g)
		next := acquire(t.Context(), g)
		end = context.Canceled
		require.True(t, p.Release())
		require.ErrorIs(t, (<-dead).err, context.Canceled)
		a := <-next
		require.NoError(t, a.err)
		require.EqualValues(t, 2, g.Snapshot().Admitted, "a permit that came too late is no admission")
		require.EqualValues(t, 1, g.Snapshot().Cancelled)
		a.permit.Release()
		require.True(t, g.Snapshot().Empty())
	})
}

// The context ends, and the permit arrives before the waiter has left the queue. A large
// guard stays closed afterwards, and uses the waiter again.
func TestGrantOnTheWayOut(t *testing.T) {
	for _, capacity := range []int{2, 64} {
		synctest.Test(t, func(t *testing.T) {
			g := newGuard(t, guard.Limit(capacity))
			p, others := take(t, g), make([]guard.Permit, capacity-1)
			require.Equal(t, capacity-1, g.TryAcquireAll(others))
			over := make(chan struct{})
			dead := acquire(puppet{t.Context(), over, func() error {
				select {
				case <-over:
					p.Release() // between the end of the wait and the lock
					return context.Canceled
				default:
					return nil
				}
			}}, g)
			close(over)
			require.ErrorIs(t, (<-dead).err, context.Canceled)
			require.Equal(t, capacity-1, g.Snapshot().Depth, "the unit is neither lost nor kept")

			// The waiter must not remember the old permit.
			q := take(t, g)
			next := acquire(t.Context(), g)
			require.True(t, waits(next))
			q.Release()
			a := <-next
			require.NoError(t, a.err)
			require.True(t, a.permit.Release())
			require.Equal(t, capacity-1, g.ReleaseAll(others))
		})
	}
}

// Cancel and grant race in real time.
func TestCancelAndGrantRace(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	for range 2000 {
		p := take(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if q, err := g.Acquire(ctx); err == nil {
				assert.True(t, q.Release())
			} else {
				assert.ErrorIs(t, err, context.Canceled)
			}
		})
		wg.Go(cancel)
		wg.Go(func() { assert.True(t, p.Release()) })
		wg.Wait()
		require.True(t, g.Snapshot().Empty())
		require.Zero(t, g.Snapshot().Waiting)
	}
}

// More waiters than a queue keeps for reuse come and go.
func TestALongQueueDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1))
		p := take(t, g)
		for range 3 {
			done := make(chan answer, 200)
			for range cap(done) {
				go func() {
					p, err := g.Acquire(t.Context())
					p.Release()
					done <- answer{err: err}
				}()
			}
			synctest.Wait()
			require.Equal(t, cap(done), g.Snapshot().Waiting)
			p.Release()
			for range cap(done) {
				require.NoError(t, (<-done).err)
			}
			require.True(t, g.Snapshot().Empty())
			p = take(t, g)
		}
	})
}

// Fault: a channel kept for reuse from one bubble is used in the next, and the
// runtime ends the process.
func TestAGuardOutlivesABubble(t *testing.T) {
	g := newGuard(t, guard.Limit(2))
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			p, q := take(t, g), take(t, g)
			next := acquire(t.Context(), g)
			ctx, cancel := context.WithCancel(t.Context())
			left := acquire(ctx, g)
			cancel()
			require.Error(t, (<-left).err)
			p.Release()
			a := <-next
			a.permit.Release()
			q.Release()
		})
	}
}

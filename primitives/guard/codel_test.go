package guard_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// traffic is calls that come one after the other at a fixed distance.
type traffic struct {
	t         *testing.T
	guard     *guard.Guard
	hold      time.Duration
	ok, stale atomic.Int64
	longest   atomic.Int64 // wait of a call that was served or sent off, ns
	last      atomic.Int64 // wait of the last that was served
}

// come sends n calls, gap apart.
func (f *traffic) come(n int, gap time.Duration) {
	for range n {
		go func() {
			start := time.Now()
			p, err := f.guard.Acquire(context.Background())
			waited := int64(time.Since(start))
			f.longest.Store(max(f.longest.Load(), waited))
			if err != nil {
				shed, ok := errors.AsType[*guard.ShedError](err)
				assert.True(f.t, ok && shed.Reason == guard.Stale, err)
				f.stale.Add(1)
				return
			}
			f.last.Store(waited)
			f.ok.Add(1)
			time.Sleep(f.hold)
			p.Release()
		}()
		time.Sleep(gap)
	}
}

// settle waits until all calls have ended.
func (f *traffic) settle() {
	for !f.guard.Snapshot().Empty() {
		time.Sleep(f.hold)
	}
	synctest.Wait()
}

func flood(t *testing.T, opts ...guard.Option) *traffic {
	return &traffic{t: t, hold: 5 * time.Millisecond, guard: newGuard(t, guard.Limit(1, opts...))}
}

// Twice the load that can be borne, for a long time. For an interval all calls wait.
// From then on no call waits much longer than the target.
func TestCoDelShedsAStandingQueue(t *testing.T) {
	for _, o := range []guard.Order{guard.FIFO, guard.LIFO, guard.AdaptiveLIFO} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := flood(t, guard.Queue(o), guard.CoDel(20*time.Millisecond, 100*time.Millisecond))
				f.come(40, 2500*time.Microsecond) // 100 ms
				require.Zero(t, f.stale.Load(), "not yet")
				f.come(40, 2500*time.Microsecond)
				f.longest.Store(0)
				f.come(4000, 2500*time.Microsecond) // 10 s
				require.LessOrEqual(t, time.Duration(f.longest.Load()), 30*time.Millisecond)
				f.settle()
				require.EqualValues(t, 4080, f.ok.Load()+f.stale.Load())
				require.InDelta(t, 2040, f.ok.Load(), 20, "no slot was idle meanwhile")
				require.EqualValues(t, f.stale.Load(), f.guard.Snapshot().Shed)
			})
		})
	}
}

// Bursts that are served within the interval lose no call, however often they come.
func TestCoDelSparesBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flood(t, guard.CoDel(20*time.Millisecond, 100*time.Millisecond))
		for range 50 {
			f.come(20, 0) // 100 ms of work
			time.Sleep(150 * time.Millisecond)
		}
		f.settle()
		require.Zero(t, f.stale.Load())
		require.EqualValues(t, 1000, f.ok.Load())
		require.Equal(t, 95*time.Millisecond, time.Duration(f.longest.Load()))
	})
}

// When the queue has been short for an interval, the next burst has its interval again,
// even if the queue was never empty.
func TestCoDelForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flood(t, guard.CoDel(20*time.Millisecond, 100*time.Millisecond))
		f.come(400, 2500*time.Microsecond)
		require.Positive(t, f.stale.Load())
		time.Sleep(15 * time.Millisecond)
		f.come(60, 5*time.Millisecond) // as much as can be borne
		before := f.stale.Load()
		require.LessOrEqual(t, time.Duration(f.last.Load()), 20*time.Millisecond)
		f.come(15, 0)
		f.settle()
		require.Equal(t, before, f.stale.Load())
	})
}

// The last waiter stays, however old: without it, the unit would be idle.
func TestCoDelKeepsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.CoDel(time.Millisecond, 10*time.Millisecond)))
		p := take(t, g)
		a, b := acquire(t.Context(), g), acquire(t.Context(), g)
		time.Sleep(time.Second)
		c := acquire(t.Context(), g) // the first look that finds a long wait
		time.Sleep(time.Second)
		p.Release()
		require.ErrorIs(t, (<-a).err, guard.ErrShed)
		require.EqualError(t, (<-b).err, "guard: shed, 1 of 1 in flight, waited too long")
		last := <-c
		require.NoError(t, last.err)
		last.permit.Release()
		require.Equal(t, guard.Snapshot{Capacity: 1, Admitted: 2, Shed: 2}, g.Snapshot())
	})
}

// CoDel drops a call in the instant in which the call is cancelled.
func TestCoDelAndCancelMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.CoDel(time.Millisecond, 10*time.Millisecond)))
		p := take(t, g)
		over := make(chan struct{})
		var drop func()
		a := acquire(puppet{t.Context(), over, func() error {
			select {
			case <-over:
				drop() // between the end of the wait and the lock
				return context.Canceled
			default:
				return nil
			}
		}}, g)
		b := acquire(t.Context(), g)
		time.Sleep(time.Second)
		c := acquire(t.Context(), g)
		time.Sleep(time.Second)
		drop = func() { p.Release() }
		close(over)
		require.ErrorIs(t, (<-a).err, guard.ErrShed)
		require.ErrorIs(t, (<-b).err, guard.ErrShed)
		last := <-c
		last.permit.Release()
		s := g.Snapshot()
		require.Equal(t, []uint64{2, 2, 0}, []uint64{s.Admitted, s.Shed, s.Cancelled}, "each call is in one of the counts")
	})
}

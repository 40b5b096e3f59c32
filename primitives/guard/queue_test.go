package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func cancellable(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// order lets callers wait at a full guard of one, and returns in which order they
// are served.
func order(t *testing.T, g *guard.Guard, gap time.Duration, callers ...[]guard.CallOption) (served []int) {
	t.Helper()
	p := take(t, g)
	var queue []<-chan answer
	for _, opts := range callers {
		queue = append(queue, acquire(t.Context(), g, opts...))
		time.Sleep(gap)
	}
	for range callers {
		p.Release()
		synctest.Wait()
		for i, c := range queue {
			if len(c) > 0 {
				a := <-c
				require.NoError(t, a.err)
				p, served = a.permit, append(served, i)
			}
		}
	}
	p.Release()
	require.True(t, g.Snapshot().Empty())
	return served
}

// Each order serves as its name says.
func TestOrders(t *testing.T) {
	tests := []struct {
		name string
		opts []guard.Option
		gap  time.Duration
		want []int
	}{
		{"the default", nil, time.Second, []int{0, 1, 2, 3}},
		{"FIFO", []guard.Option{guard.Queue(guard.FIFO)}, time.Second, []int{0, 1, 2, 3}},
		{"LIFO", []guard.Option{guard.Queue(guard.LIFO)}, 0, []int{3, 2, 1, 0}},
		{"adaptive LIFO, calm", []guard.Option{guard.Queue(guard.AdaptiveLIFO)}, 24 * time.Millisecond, []int{0, 1, 2, 3}},
		{"adaptive LIFO, standing", []guard.Option{guard.Queue(guard.AdaptiveLIFO)}, 25 * time.Millisecond, []int{3, 2, 1, 0}},
		{"adaptive LIFO, its own interval", []guard.Option{guard.Queue(guard.AdaptiveLIFO),
			guard.CoDel(900*time.Millisecond, time.Second)}, 200 * time.Millisecond, []int{0, 1, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard(t, guard.Limit(1, tt.opts...))
				for range 2 { // the second time as the first: an empty queue is calm
					require.Equal(t, tt.want, order(t, g, tt.gap, nil, nil, nil, nil))
				}
			})
		})
	}
}

// Priorities: the higher level first, and by arrival within a level.
func TestPriorities(t *testing.T) {
	level := func(l guard.Level) []guard.CallOption { return []guard.CallOption{guard.Priority(l)} }
	calls := [][]guard.CallOption{level(guard.Low), nil, level(guard.High), level(guard.Low), level(guard.Normal), level(guard.High)}
	tests := []struct {
		name string
		opts []guard.Option
		gap  time.Duration
		want []int
	}{
		{"all in the same instant", []guard.Option{guard.HeadStart(time.Second)}, 0, []int{2, 5, 1, 4, 0, 3}},
		{"less than a head start apart", []guard.Option{guard.HeadStart(time.Second)}, 900 * time.Millisecond, []int{2, 1, 0, 5, 4, 3}},
		{"more than a head start apart", []guard.Option{guard.HeadStart(time.Second)}, 1100 * time.Millisecond, []int{0, 1, 2, 3, 4, 5}},
		{"newest first", []guard.Option{guard.HeadStart(time.Second), guard.Queue(guard.LIFO)}, 0, []int{5, 2, 4, 1, 3, 0}},
		{"no head start", nil, 0, []int{0, 1, 2, 3, 4, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, tt.want, order(t, newGuard(t, guard.Limit(1, tt.opts...)), tt.gap, calls...))
			})
		})
	}
}

// Ageing: under high calls without end, a low one waits for two head
// starts and no longer.
func TestLowPriorityIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.HeadStart(time.Second)))
		p := take(t, g)
		low := acquire(t.Context(), g, guard.Priority(guard.Low))
		queue := []<-chan answer{acquire(t.Context(), g, guard.Priority(guard.High))}
		start := time.Now()
		for len(low) == 0 {
			require.LessOrEqual(t, time.Since(start), 2300*time.Millisecond)
			queue = append(queue, acquire(t.Context(), g, guard.Priority(guard.High)))
			time.Sleep(100 * time.Millisecond)
			p.Release()
			synctest.Wait()
			if len(queue[0]) > 0 {
				p = (<-queue[0]).permit
				queue = queue[1:]
			}
		}
		require.GreaterOrEqual(t, time.Since(start), 2*time.Second)
		p = (<-low).permit
		for _, c := range queue {
			p.Release()
			p = (<-c).permit
		}
		p.Release()
	})
}

// A full queue takes no call, and the error says so at once.
func TestMaxQueue(t *testing.T) {
	for bound := range 3 {
		synctest.Test(t, func(t *testing.T) {
			g := newGuard(t, guard.Limit(1, guard.Name("model"), guard.MaxQueue(bound)))
			p := take(t, g)
			var queue []<-chan answer
			for range bound {
				queue = append(queue, acquire(t.Context(), g))
			}
			start := time.Now()
			_, err := g.Acquire(t.Context())
			require.Zero(t, time.Since(start))
			require.ErrorIs(t, err, guard.ErrShed)
			require.EqualError(t, err, `guard "model": shed, 1 of 1 in flight, queue full`)
			shed, ok := errors.AsType[*guard.ShedError](err)
			require.True(t, ok)
			require.Equal(t, guard.QueueFull, shed.Reason)
			require.Equal(t, outcome.Ignored, shed.Outcome().Kind)
			require.Equal(t, guard.Snapshot{Name: "model", Capacity: 1, Depth: 1, Waiting: bound, Admitted: 1, Shed: 1}, g.Snapshot())
			for _, c := range queue {
				p.Release()
				p = (<-c).permit
			}
			p.Release()
			q, err := g.Acquire(t.Context())
			require.NoError(t, err, "no call waits any more")
			q.Release()
		})
	}
}

// Shedding at a full queue costs no allocation either.
func TestMaxQueueAllocatesNothing(t *testing.T) {
	g := newGuard(t, guard.Limit(1, guard.MaxQueue(0)))
	take(t, g)
	ctx, cancel := cancellable(t)
	defer cancel()
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = g.Acquire(ctx) }))
	free := newGuard(t, guard.Limit(9, guard.HeadStart(time.Second)))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p, _ := free.Acquire(ctx, guard.Weight(3), guard.Priority(guard.High))
		p.Release()
	}))
}

// A goroutine that has its permit and does not run delays no other.
func TestWaitersAreUsedAgainAroundASleeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(2))
		a, b := take(t, g), take(t, g)
		gate := make(chan struct{})
		slow := acquire(puppet{t.Context(), nil, func() error {
			if g.Snapshot().Waiting > 0 {
				return nil
			}
			<-gate // granted, and stuck in a context of the caller's own
			return nil
		}}, g)
		a.Release()
		for range 200 {
			next := acquire(t.Context(), g)
			b.Release()
			b = (<-next).permit
		}
		require.True(t, waits(slow))
		require.EqualValues(t, 202, g.Snapshot().Admitted, "the stuck one has not been given its permit")
		close(gate)
		p := <-slow
		require.EqualValues(t, 203, g.Snapshot().Admitted)
		p.permit.Release()
		b.Release()
		require.True(t, g.Snapshot().Empty())
	})
}

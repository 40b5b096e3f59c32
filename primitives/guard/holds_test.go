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

// taught returns a full guard of two that has learned that calls take a second.
func taught(t *testing.T, opts ...guard.Option) (*guard.Guard, []guard.Permit) {
	g := newGuard(t, guard.Limit(2, append(opts, guard.Deadlines())...))
	for range 3 {
		p := take(t, g)
		time.Sleep(time.Second)
		p.Release()
	}
	require.Equal(t, time.Second, g.Snapshot().Held)
	return g, []guard.Permit{take(t, g), take(t, g)}
}

// within acquires under a deadline.
func within(t *testing.T, g *guard.Guard, d time.Duration, opts ...guard.CallOption) <-chan answer {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return acquire(ctx, g, opts...)
}

// The formula: hold × (weight ahead + own weight) ÷ capacity against the deadline.
func TestDeadlinesRefuseAtOnce(t *testing.T) {
	ahead := []guard.CallOption{guard.Weight(2)}
	tests := []struct {
		name     string
		opts     []guard.Option
		ahead    [][]guard.CallOption
		call     []guard.CallOption
		deadline time.Duration
		expected time.Duration // 0: it may wait
	}{
		{"time enough", nil, nil, nil, 500 * time.Millisecond, 0},
		{"not enough", nil, nil, nil, 499 * time.Millisecond, 500 * time.Millisecond},
		{"behind others", nil, [][]guard.CallOption{ahead, nil}, nil, 1999 * time.Millisecond, 2 * time.Second},
		{"behind others, in time", nil, [][]guard.CallOption{ahead, nil}, nil, 2 * time.Second, 0},
		{"heavy", nil, nil, ahead, 999 * time.Millisecond, time.Second},
		{"newest first", []guard.Option{guard.Queue(guard.LIFO)}, [][]guard.CallOption{ahead, nil}, nil, 500 * time.Millisecond, 0},
		{"ahead of others", []guard.Option{guard.HeadStart(time.Minute)}, [][]guard.CallOption{ahead, nil},
			[]guard.CallOption{guard.Priority(guard.High)}, 500 * time.Millisecond, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, held := taught(t, tt.opts...)
				var queue []<-chan answer
				for _, opts := range tt.ahead {
					queue = append(queue, acquire(t.Context(), g, opts...))
				}
				c := within(t, g, tt.deadline, tt.call...)
				if tt.expected > 0 {
					require.Len(t, c, 1, "at once")
					a := <-c
					shed, ok := errors.AsType[*guard.ShedError](a.err)
					require.True(t, ok)
					require.Equal(t, guard.ShedError{Reason: guard.Late, Depth: 2, Capacity: 2, After: tt.expected}, *shed)
					require.Equal(t, outcome.Outcome{Kind: outcome.Ignored, After: tt.expected}, outcome.Classify(t.Context(), a.err))
				} else {
					require.True(t, waits(c))
					queue = append(queue, c)
				}
				for _, p := range held {
					p.Release()
				}
				for range queue { // each in its turn
					synctest.Wait()
					for _, c := range queue {
						if len(c) > 0 {
							a := <-c
							a.permit.Release()
						}
					}
				}
				require.True(t, g.Snapshot().Empty())
			})
		})
	}
}

// Without a deadline, a measurement, or the need to wait, no call is refused.
func TestDeadlinesRefuseNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.Deadlines()))
		p := take(t, g)
		c := within(t, g, time.Millisecond)
		require.True(t, waits(c), "nothing is known yet")
		time.Sleep(time.Hour)
		require.ErrorIs(t, (<-c).err, context.DeadlineExceeded)
		p.Release()
		require.Equal(t, time.Hour, g.Snapshot().Held)
		c = within(t, g, time.Millisecond)
		a := <-c
		require.NoError(t, a.err, "a free slot is free")
		c = acquire(t.Context(), g)
		require.True(t, waits(c))
		a.permit.Release()
		b := <-c
		b.permit.Release()
		_, err := g.TryAcquire(guard.Weight(2))
		require.ErrorIs(t, err, guard.ErrCall)
	})
}

// A shed call is told when to come again.
func TestMeasuringGuardsTellAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, held := taught(t)
		_, err := g.TryAcquire()
		require.EqualError(t, err, "guard: shed, 2 of 2 in flight, try again in 500ms")
		for _, p := range held {
			p.Release()
		}
	})
}

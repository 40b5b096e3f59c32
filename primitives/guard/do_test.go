package guard_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestDoReturnsWhatTheFunctionReturns(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	boom := errors.New("boom")
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 7)
	v, err := g.Do(ctx, func(ctx context.Context) (int, error) {
		require.Equal(t, 1, g.Snapshot().Depth)
		return ctx.Value(key{}).(int), boom
	})
	require.Equal(t, 7, v)
	require.Same(t, boom, err, "the error is not wrapped")
	require.True(t, g.Snapshot().Empty())
}

// Fault: after a panic, a guard of 1 admitted no call any more.
func TestDoReleasesOnPanic(t *testing.T) {
	for _, g := range one(t) {
		require.PanicsWithValue(t, "boom", func() {
			_, _ = g.Do(t.Context(), func(context.Context) (int, error) { panic("boom") })
		})
		require.True(t, g.Snapshot().Empty())
	}
}

// one returns guards of capacity 1 with different accounts.
func one(t *testing.T) []*guard.Guard {
	return []*guard.Guard{
		newGuard(t, guard.Limit(1)),
		newGuard(t, guard.Limit(1, guard.Adaptive(guard.Vegas(), 1, 2))),
		newGuard(t, guard.Limit(1, guard.Adaptive(guard.Vegas(), 1, 2), guard.Classify(badClassifier))),
	}
}

// badClassifier is one of a user. It must not cost the guard a unit.
func badClassifier(context.Context, error) outcome.Outcome { panic("boom") }

func TestDoReleasesWhenTheClassifierPanics(t *testing.T) {
	g := one(t)[2]
	require.PanicsWithValue(t, "boom", func() {
		_, _ = g.Do(t.Context(), func(context.Context) (int, error) { return 0, errors.New("503") })
	})
	require.True(t, g.Snapshot().Empty())
}

// A t.FailNow inside a guarded function ends the goroutine in this way.
func TestDoReleasesOnGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, g := range one(t) {
			var wg sync.WaitGroup
			wg.Go(func() {
				_, _ = g.Do(t.Context(), func(context.Context) (int, error) {
					runtime.Goexit()
					return 0, nil
				})
			})
			wg.Wait()
			require.True(t, g.Snapshot().Empty())
		}
	})
}

func TestDoOfAShedderSheds(t *testing.T) {
	g := newGuard(t, guard.Limit(1, guard.Shedding()))
	require.True(t, g.Sheds())
	_, err := g.Do(t.Context(), func(ctx context.Context) (int, error) {
		return g.Do(ctx, func(context.Context) (int, error) {
			t.Error("called without a permit")
			return 0, nil
		})
	})
	require.ErrorIs(t, err, guard.ErrShed)
}

func TestDoWithADeadContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range []guard.Policy{guard.Limit(1), guard.Limit(1, guard.Shedding())} {
		g := newGuard(t, p)
		_, err := g.Do(ctx, func(context.Context) (int, error) {
			t.Error("called with a dead context")
			return 0, nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.EqualValues(t, 1, g.Snapshot().Cancelled)
		require.Zero(t, g.Snapshot().Admitted)
	}
}

package guard_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newGuard(t testing.TB, p guard.Policy) *guard.Guard {
	t.Helper()
	g, err := guard.New(p)
	require.NoError(t, err)
	return g
}

func take(t testing.TB, g *guard.Guard) guard.Permit {
	t.Helper()
	p, err := g.TryAcquire()
	require.NoError(t, err)
	return p
}

// The call after the last unit is shed. The error tells the numbers.
func TestTryAcquireShedsWhenFull(t *testing.T) {
	g := newGuard(t, guard.Limit(2, guard.Name("model")))
	p := take(t, g)
	take(t, g)

	none, err := g.TryAcquire()
	require.ErrorIs(t, err, guard.ErrShed)
	require.EqualError(t, err, `guard "model": shed, 2 of 2 in flight`)
	shed, ok := errors.AsType[*guard.ShedError](fmt.Errorf("call: %w", err))
	require.True(t, ok)
	require.Equal(t, guard.ShedError{Name: "model", Depth: 2, Capacity: 2}, *shed)
	require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
	require.False(t, none.Release(), "a shed call holds nothing")

	require.True(t, p.Release())
	take(t, g)
}

// No bubble: real parallelism is the point.
func TestNeverMoreInFlightThanCapacity(t *testing.T) {
	const capacity, callers, rounds = 7, 1000, 20
	g := newGuard(t, guard.Limit(capacity))
	var inFlight, most atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range rounds {
				p, err := enter(g, i)
				if err != nil {
					continue
				}
				now := inFlight.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				runtime.Gosched()
				inFlight.Add(-1)
				twin := p
				assert.True(t, p.Release())
				assert.False(t, twin.Release())
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, most.Load(), int64(capacity))
	require.Positive(t, most.Load())
	s := g.Snapshot()
	require.True(t, s.Empty())
	require.Zero(t, s.Waiting)
	require.EqualValues(t, callers*rounds, s.Admitted+s.Shed+s.Cancelled, "every call is accounted for")
}

// enter uses all ways in, so that they mix.
func enter(g *guard.Guard, i int) (guard.Permit, error) {
	if i%4 == 0 {
		return g.TryAcquire()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if i%4 == 1 {
		go cancel() // at the same moment, whichever comes first
	}
	return g.Acquire(ctx)
}

// TestNothingIsAllocated holds the cost of what a stream does per item.
func TestNothingIsAllocated(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := newGuard(t, guard.Limit(2, guard.SoftLimit(1, quiet)))
	full := newGuard(t, guard.Limit(1))
	take(t, full)
	for name, f := range map[string]func(){
		"acquire": func() { p, _ := g.Acquire(ctx); p.Release() },
		"try":     func() { p, _ := g.TryAcquire(); p.Release() },
		"shed":    func() { _, _ = full.TryAcquire() },
		"look":    func() { _ = g.Snapshot().Utilization() },
		"do":      func() { _, _ = g.Do(ctx, func(context.Context) (int, error) { return 1, nil }) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

// Fault: a table of slots that grows with the calls instead of with the depth.
func TestSlotsAreUsedAgain(t *testing.T) {
	g := newGuard(t, guard.Limit(8))
	require.Zero(t, testing.AllocsPerRun(1, func() {
		for range 5000 {
			p, _ := g.TryAcquire()
			q, _ := g.TryAcquire()
			r, _ := g.TryAcquire()
			p.Release()
			r.Release()
			q.Release()
		}
	}))
}

// Two callers pass one unit to and fro, so that each Acquire waits. The other unit stays in
// use: an empty guard forgets its idle waiters. No bubble: its own allocations would count.
func TestWaitingAllocatesNothing(t *testing.T) {
	g := newGuard(t, guard.Limit(2))
	take(t, g)
	p := take(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			p, err := g.Acquire(ctx)
			if err != nil {
				return
			}
			p.Release()
		}
	})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for g.Snapshot().Waiting == 0 {
			runtime.Gosched() // until the other one queues
		}
		p.Release()
		p, _ = g.Acquire(ctx)
	}))
	cancel()
	wg.Wait()
}

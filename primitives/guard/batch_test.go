package guard_test

import (
	"fmt"
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

func TestABatchTakesWhatIsLeft(t *testing.T) {
	for _, capacity := range []int{2, 3, 47, 48, 49, 63, 64, 65, 1000} {
		for _, opts := range [][]guard.Option{nil, {guard.Shedding()}, {guard.Deadlines()}, {guard.SoftLimit(1, func(guard.Crossing) {})}} {
			g := newGuard(t, guard.Limit(capacity, opts...))
			first := take(t, g)
			permits := make([]guard.Permit, 2000)
			require.Equal(t, capacity-1, g.TryAcquireAll(permits))
			require.Zero(t, g.TryAcquireAll(permits[capacity:]))
			s := g.Snapshot()
			require.Equal(t, capacity, s.Depth)
			require.EqualValues(t, capacity, s.Admitted)
			require.Zero(t, s.Shed, "a batch counts no call as shed")
			require.True(t, permits[0].Release())
			require.Equal(t, 1, g.TryAcquireAll(permits[:1]))
			require.Equal(t, capacity-1, g.ReleaseAll(permits))
			require.Zero(t, g.ReleaseAll(permits), "a permit is released once")
			require.True(t, first.Release())
			require.True(t, g.Snapshot().Empty())
		}
	}
}

func TestABatchLeavesOtherGuardsAlone(t *testing.T) {
	g, other := newGuard(t, guard.Limit(2)), newGuard(t, guard.Limit(2))
	p := take(t, other)
	require.Zero(t, g.ReleaseAll([]guard.Permit{p, {}}))
	require.Equal(t, 1, other.Snapshot().Depth)
}

// A batch does not overtake a waiter, and what it gives back goes to the waiter.
func TestABatchAndAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(2))
		permits := make([]guard.Permit, 2)
		require.Equal(t, 2, g.TryAcquireAll(permits))
		served := make(chan guard.Permit)
		go func() {
			p, err := g.Acquire(t.Context(), guard.Weight(2))
			require.NoError(t, err)
			served <- p
		}()
		synctest.Wait()
		permits[0].Release()
		require.Zero(t, g.TryAcquireAll(permits[:1]), "the waiter needs both")
		require.Equal(t, 1, g.ReleaseAll(permits[1:]))
		p := <-served
		require.Equal(t, 2, g.Snapshot().Depth)
		p.Release()
	})
}

// A permit that the caller never sees is not lost if the hook of a soft limit panics.
func TestABatchSurvivesItsHook(t *testing.T) {
	armed := true
	g := newGuard(t, guard.Limit(10, guard.SoftLimit(5, func(c guard.Crossing) {
		if armed {
			armed = false
			panic("boom")
		}
	})))
	require.Panics(t, func() { g.TryAcquireAll(make([]guard.Permit, 8)) })
	require.True(t, g.Snapshot().Empty())
}

// Batches of any width, single calls and waiters never have more in flight than the
// capacity. No bubble: real parallelism is the point.
func TestBatchesUnderConcurrency(t *testing.T) {
	for _, capacity := range []int{3, 64, 100} {
		g := newGuard(t, guard.Limit(capacity))
		var inFlight atomic.Int64
		var wg sync.WaitGroup
		use := func(n int, release func()) {
			assert.LessOrEqual(t, inFlight.Add(int64(n)), int64(capacity))
			runtime.Gosched()
			inFlight.Add(-int64(n))
			release()
		}
		for i := range 8 {
			wg.Go(func() {
				permits := make([]guard.Permit, 1+i*9)
				for n := range 500 {
					if n%5 == i%5 {
						p, err := g.Acquire(t.Context(), guard.Weight(1+n%2))
						assert.NoError(t, err)
						use(1+n%2, func() { assert.True(t, p.Release()) })
						continue
					}
					got := g.TryAcquireAll(permits)
					use(got, func() { assert.Equal(t, got, g.ReleaseAll(permits)) })
				}
			})
		}
		wg.Wait()
		require.True(t, g.Snapshot().Empty())
	}
}

func TestAnAdaptiveGuardMeasuresABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(4, guard.Adaptive(guard.AIMD(0.5, time.Minute), 1, 8)))
		permits := make([]guard.Permit, 2)
		require.Equal(t, 2, g.TryAcquireAll(permits))
		time.Sleep(time.Second)
		require.Equal(t, 2, g.ReleaseAll(permits))
		require.Equal(t, time.Second, g.Snapshot().Held)
	})
}

func TestABatchAllocatesNothing(t *testing.T) {
	g := newGuard(t, guard.Limit(1000))
	permits := make([]guard.Permit, 100)
	round := func() { g.TryAcquireAll(permits); g.ReleaseAll(permits) }
	round()
	require.Zero(t, testing.AllocsPerRun(100, round))
}

func ExampleGuard_TryAcquireAll() {
	g, _ := guard.New(guard.Limit(3))
	permits := make([]guard.Permit, 5)
	n := g.TryAcquireAll(permits)
	fmt.Println(n, "of 5")
	fmt.Println(g.ReleaseAll(permits[:n]), "released,", g.ReleaseAll(permits[:n]), "again")
	// Output:
	// 3 of 5
	// 3 released, 0 again
}

func ExampleGuard_ReleaseAll() {
	g, _ := guard.New(guard.Limit(3))
	a, _ := g.TryAcquire()
	b, _ := g.TryAcquire()
	fmt.Println(g.ReleaseAll([]guard.Permit{a, b}))
	fmt.Println(g.Snapshot().Depth)
	// Output:
	// 2
	// 0
}

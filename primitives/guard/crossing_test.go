package guard_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
)

// The hook is called once per crossing, and the guard still admits calls.
func TestSoftLimitTellsEachCrossingOnce(t *testing.T) {
	var told []guard.Crossing
	g := newGuard(t, guard.Limit(4, guard.Name("model"),
		guard.SoftLimit(2, func(c guard.Crossing) { told = append(told, c) })))
	above := guard.Crossing{Name: "model", Above: true, Depth: 2, SoftLimit: 2, Capacity: 4}
	below := guard.Crossing{Name: "model", Above: false, Depth: 1, SoftLimit: 2, Capacity: 4}

	a := take(t, g)
	require.Empty(t, told)
	b := take(t, g)
	require.Equal(t, []guard.Crossing{above}, told)
	c, d := take(t, g), take(t, g)
	c.Release()
	d.Release()
	require.Len(t, told, 1, "further up and back is no crossing")
	b.Release()
	require.Equal(t, []guard.Crossing{above, below}, told)
	b.Release()
	require.Len(t, told, 2)
	b = take(t, g)
	require.Equal(t, []guard.Crossing{above, below, above}, told)
	b.Release()
	a.Release()
	require.Len(t, told, 4)
}

// Passing a slot to a waiter does not change the depth.
func TestSoftLimitIsQuietOnHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		g := newGuard(t, guard.Limit(2, guard.SoftLimit(1, func(guard.Crossing) { n++ })))
		p, q := take(t, g), take(t, g)
		next := acquire(t.Context(), g)
		p.Release()
		a := <-next
		require.Equal(t, 1, n)
		a.permit.Release()
		q.Release()
		require.Equal(t, 2, n)
	})
}

func TestHookMayUseTheGuard(t *testing.T) {
	var g *guard.Guard
	var told []bool
	g = newGuard(t, guard.Limit(3, guard.SoftLimit(2, func(c guard.Crossing) {
		told = append(told, c.Above)
		require.Positive(t, g.Snapshot().Available())
		if len(told) > 3 {
			return
		}
		// At 2 this goes up to 3 and back and crosses nothing; at 1 it
		// crosses twice, from inside the hook.
		p, err := g.Acquire(t.Context())
		require.NoError(t, err)
		p.Release()
	})))
	take(t, g)
	p := take(t, g)
	require.Equal(t, []bool{true}, told)
	p.Release()
	require.Equal(t, []bool{true, false, true, false, true, false}, told)
}

// Crossings alternate, and the last one told is true, however they race. No bubble: real
// parallelism is the point.
func TestCrossingsFormAChain(t *testing.T) {
	var told []bool // only one hook runs at a time; -race checks that too
	g := newGuard(t, guard.Limit(4, guard.SoftLimit(2, func(c guard.Crossing) {
		told = append(told, c.Above)
		runtime.Gosched()
	})))
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
	wg.Wait()
	requireChain(t, told)
	require.Zero(t, len(told)%2, "it ends below")
}

func requireChain(t *testing.T, told []bool) {
	t.Helper()
	require.NotEmpty(t, told)
	for i, above := range told {
		require.Equal(t, i%2 == 0, above, "crossing %d", i)
	}
}

// A hook that hangs delays its own call and no other. The crossings that wait for it are
// bounded.
func TestSlowHookMissesPairsButNotTheEnd(t *testing.T) {
	for _, crossings := range []int{3, 16, 17, 18, 100, 101} {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			var told []bool
			g := newGuard(t, guard.Limit(2, guard.SoftLimit(1, func(c guard.Crossing) {
				told = append(told, c.Above)
				<-gate
			})))
			first := acquire(t.Context(), g) // hangs in the hook
			take(t, g).Release()             // depth 2 and back: no crossing
			require.True(t, waits(first))
			close(gate)
			held := (<-first).permit

			// From here depth goes 0, 1, 0, 1 ... under a hook that hangs.
			gate = make(chan struct{})
			var p guard.Permit
			done := make(chan struct{})
			go func() { held.Release(); close(done) }()
			synctest.Wait()
			for i := range crossings {
				if i%2 == 0 {
					p = take(t, g)
				} else {
					p.Release()
				}
			}
			close(gate)
			<-done
			requireChain(t, told)
			require.LessOrEqual(t, len(told), 2+16)
			require.Equal(t, !g.Snapshot().Empty(), told[len(told)-1])
		})
	}
}

// A hook that panics or ends the goroutine: the caller of Acquire never sees a permit, so
// none may be in use. The caller of Release has released.
func TestFailingHookLeavesTheGuardSound(t *testing.T) {
	for name, fail := range map[string]func(){
		"panic":  func() { panic("boom") },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, failAt := 0, 1
				g := newGuard(t, guard.Limit(2, guard.SoftLimit(1, func(guard.Crossing) {
					if told++; told == failAt {
						fail()
					}
				})))
				apart := func(f func()) {
					var wg sync.WaitGroup
					wg.Go(func() {
						defer func() { _ = recover() }()
						f()
						t.Error("the failure did not reach the caller")
					})
					wg.Wait()
				}
				apart(func() { _, _ = g.TryAcquire() })
				require.True(t, g.Snapshot().Empty())
				require.Equal(t, 2, told, "above failed, below is told all the same")

				failAt = 4
				p := take(t, g)
				apart(func() { p.Release() })
				require.True(t, g.Snapshot().Empty())
				require.Equal(t, 4, told)

				take(t, g).Release()
				require.Equal(t, 6, told, "the hook lives on")
			})
		})
	}
}

// Crossings that others left to a hook that then panics are still told.
func TestFailingHookDropsNobodysCrossing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var told []bool
		g := newGuard(t, guard.Limit(2, guard.SoftLimit(1, func(c guard.Crossing) {
			told = append(told, c.Above)
			if len(told) == 1 {
				<-gate
				panic("boom")
			}
		})))
		recovered := make(chan any)
		go func() {
			defer func() { recovered <- recover() }()
			_, _ = g.TryAcquire()
		}()
		synctest.Wait()
		p := take(t, g) // depth 2, no crossing
		close(gate)
		require.Equal(t, "boom", <-recovered)
		require.Equal(t, 1, g.Snapshot().Depth)
		require.Equal(t, []bool{true}, told)
		p.Release()
		require.Equal(t, []bool{true, false}, told)
	})
}

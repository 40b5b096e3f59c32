package guard_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

// ends are the ways in which user code ends without a return.
var ends = map[string]func(){"panic": func() { panic("boom") }, "goexit": runtime.Goexit}

// survive runs f, in which user code ends its goroutine or panics.
func survive(f func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = recover() }()
		f()
	})
	wg.Wait()
}

// Fault: a classifier that panicked in Done kept the permit for ever.
func TestDoneReleasesWhenTheClassifierEnds(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			judge := func(context.Context, error) outcome.Outcome { end(); return outcome.Outcome{} }
			g := newGuard(t, guard.Limit(1, guard.Adaptive(guard.Vegas(), 1, 2), guard.Classify(judge)))
			p := take(t, g)
			survive(func() { p.Done(t.Context(), errors.New("503")) })
			require.True(t, g.Snapshot().Empty())
			require.False(t, p.Release())
		})
	}
}

// What a call of the guard has done is done, and what it would have returned is given
// back, when the hook of a soft limit panics or ends the goroutine in it.
func TestNothingIsLostWhenAHookEnds(t *testing.T) {
	for name, end := range ends {
		for op, tt := range map[string]struct {
			above bool // the crossing at which the hook ends
			call  func(*guard.Guard, []guard.Permit)
			depth int
		}{
			"Acquire":       {true, func(g *guard.Guard, _ []guard.Permit) { _, _ = g.Acquire(t.Context(), guard.Weight(5)) }, 5},
			"TryAcquire":    {true, func(g *guard.Guard, _ []guard.Permit) { _, _ = g.TryAcquire(guard.Weight(5)) }, 5},
			"TryAcquireAll": {true, func(g *guard.Guard, _ []guard.Permit) { g.TryAcquireAll(make([]guard.Permit, 5)) }, 5},
			"Enlist":        {true, func(g *guard.Guard, _ []guard.Permit) { _, _, _ = g.Enlist(t.Context(), never(t), guard.Weight(5)) }, 5},
			"Do": {true, func(g *guard.Guard, _ []guard.Permit) {
				_, _ = g.Do(t.Context(), func(context.Context) (int, error) { t.Error("called"); return 0, nil }, guard.Weight(5))
			}, 5},
			"Release":    {false, func(_ *guard.Guard, ps []guard.Permit) { ps[0].Release() }, 7},
			"Done":       {false, func(_ *guard.Guard, ps []guard.Permit) { ps[0].Done(t.Context(), nil) }, 7},
			"ReleaseAll": {false, func(g *guard.Guard, ps []guard.Permit) { g.ReleaseAll(ps) }, 0},
		} {
			t.Run(name+" "+op, func(t *testing.T) {
				told := 0
				g := newGuard(t, guard.Limit(20, guard.SoftLimit(8, func(c guard.Crossing) {
					if told++; c.Above == tt.above {
						end()
					}
				})))
				permits := make([]guard.Permit, 5)
				require.Equal(t, 5, g.TryAcquireAll(permits))
				if !tt.above {
					more := make([]guard.Permit, 3)
					require.Equal(t, 3, g.TryAcquireAll(more))
					permits = append(permits, more...)
				}
				survive(func() { tt.call(g, permits) })
				require.Equal(t, tt.depth, g.Snapshot().Depth)
				require.Zero(t, g.Snapshot().Waiting)
				require.NotZero(t, told)
			})
		}
	}
}

// A batch gives all of its permits back and serves all waiters, although the function
// of the first of them, and the hook, panic.
func TestReleaseAllReleasesAllWhenFunctionsEnd(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, guard.Limit(64, guard.SoftLimit(32, func(c guard.Crossing) {
				if !c.Above {
					end()
				}
			})))
			permits := make([]guard.Permit, 64)
			require.Equal(t, 64, g.TryAcquireAll(permits))
			told := 0
			for range 10 {
				_, place, err := g.Enlist(t.Context(), func(guard.Permit, error) { told++; end() })
				require.NoError(t, err)
				require.True(t, place.Waits())
			}
			survive(func() { g.ReleaseAll(permits) })
			require.Equal(t, 10, told)
			require.True(t, g.Snapshot().Empty())
			require.Zero(t, g.ReleaseAll(permits))
		})
	}
}

// A resize serves all that fit, although the function of the first of them panics.
func TestResizeServesAllWhenAFunctionEnds(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, guard.Limit(1, guard.Queue(guard.AdaptiveLIFO), guard.CoDel(time.Minute, time.Hour)))
			p := take(t, g)
			told := 0
			for range 3 {
				_, _, err := g.Enlist(t.Context(), func(guard.Permit, error) { told++; end() })
				require.NoError(t, err)
			}
			survive(func() { _ = g.Resize(3) })
			require.Equal(t, 3, told)
			require.Equal(t, 3, g.Capacity())
			require.True(t, p.Release())
			require.True(t, g.Snapshot().Empty())
		})
	}
}

package guard_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

// never is the function of a call that is not to be told anything.
func never(t *testing.T) func(guard.Permit, error) {
	return func(guard.Permit, error) { t.Error("the function has been called") }
}

func TestEnlistReturnsAPermitAtOnce(t *testing.T) {
	for _, opts := range [][]guard.Option{nil, {guard.Deadlines()}, {guard.SoftLimit(1, nil)}} {
		g := newGuard(t, guard.Limit(2, opts...))
		p, place, err := g.Enlist(t.Context(), never(t))
		require.NoError(t, err)
		require.False(t, place.Waits())
		require.False(t, place.Leave())
		q, place, err := g.Enlist(t.Context(), never(t), guard.Weight(1))
		require.NoError(t, err)
		require.False(t, place.Waits())
		require.True(t, g.Snapshot().Full())
		require.True(t, p.Release())
		require.True(t, q.Release())
		require.EqualValues(t, 2, g.Snapshot().Admitted)
	}
}

func TestEnlistReturnsAnErrorAtOnce(t *testing.T) {
	g := newGuard(t, guard.Limit(1, guard.MaxQueue(0)))
	take(t, g)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for want, call := range map[error]func() (guard.Permit, guard.Place, error){
		guard.ErrShed:    func() (guard.Permit, guard.Place, error) { return g.Enlist(t.Context(), never(t)) },
		context.Canceled: func() (guard.Permit, guard.Place, error) { return g.Enlist(ended, never(t)) },
		guard.ErrCall:    func() (guard.Permit, guard.Place, error) { return g.Enlist(t.Context(), never(t), guard.Weight(2)) },
	} {
		p, place, err := call()
		require.ErrorIs(t, err, want)
		require.Equal(t, outcome.Ignored, outcome.Classify(t.Context(), err).Kind)
		require.False(t, place.Waits())
		require.False(t, p.Release())
	}
	s := g.Snapshot()
	require.EqualValues(t, []uint64{1, 1, 1}, []uint64{s.Admitted, s.Shed, s.Cancelled})
}

func TestEnlistRefusesNoFunction(t *testing.T) {
	g := newGuard(t, guard.Limit(1, guard.Name("model")))
	_, place, err := g.Enlist(t.Context(), nil)
	require.ErrorIs(t, err, guard.ErrCall)
	require.EqualError(t, err, `guard "model": the function to call is nil`)
	require.False(t, place.Waits())
	require.True(t, g.Snapshot().Empty())
}

// Calls that block and calls that enlist wait in one queue.
func TestEnlistedCallsAndBlockedOnesShareTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1))
		p := take(t, g)
		var queue []<-chan answer
		come := mix(0b01010101)
		for range 6 {
			queue = append(queue, come(t.Context(), g))
		}
		for i, c := range queue {
			require.True(t, waits(c))
			require.Equal(t, 6-i, g.Snapshot().Waiting)
			require.True(t, p.Release())
			synctest.Wait()
			a := <-c
			require.NoError(t, a.err)
			p = a.permit
		}
		p.Release()
	})
}

func TestAPlaceIsLeftOnce(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	p := take(t, g)
	_, place, err := g.Enlist(t.Context(), never(t))
	require.NoError(t, err)
	copied := place
	require.True(t, place.Leave())
	require.False(t, place.Leave())
	require.False(t, copied.Leave())
	require.True(t, copied.Waits(), "it tells what Enlist did")
	require.Zero(t, g.Snapshot().Waiting)
	require.EqualValues(t, 1, g.Snapshot().Cancelled)
	require.True(t, p.Release())
	take(t, g)
}

// Waiters are used again. An old place must not take a later call out of the queue.
func TestAnOldPlaceLeavesLaterCallsAlone(t *testing.T) {
	g := newGuard(t, guard.Limit(1))
	p := take(t, g)
	_, left, err := g.Enlist(t.Context(), never(t))
	require.NoError(t, err)
	require.True(t, left.Leave())
	var got guard.Permit
	_, served, err := g.Enlist(t.Context(), func(p guard.Permit, err error) { got = p })
	require.NoError(t, err)
	require.False(t, left.Leave())
	require.True(t, p.Release())
	require.False(t, served.Leave())

	told := 0
	for range 3 {
		_, place, err := g.Enlist(t.Context(), func(guard.Permit, error) { told++ })
		require.NoError(t, err)
		require.True(t, place.Waits())
		require.False(t, left.Leave())
		require.False(t, served.Leave())
	}
	require.Equal(t, 3, g.Snapshot().Waiting)
	require.True(t, got.Release())
	require.Equal(t, 1, told)
}

// A lighter call behind a heavy one is served when the heavy one leaves.
func TestLeavingServesTheNext(t *testing.T) {
	g := newGuard(t, guard.Limit(2))
	take(t, g)
	_, heavy, err := g.Enlist(t.Context(), never(t), guard.Weight(2))
	require.NoError(t, err)
	served := false
	_, place, err := g.Enlist(t.Context(), func(p guard.Permit, err error) { served = err == nil })
	require.NoError(t, err)
	require.True(t, place.Waits())
	require.True(t, heavy.Leave())
	require.True(t, served)
}

// A call that is the next in line and fits gets its permit at once, not by its function.
func TestEnlistPastAHeavyCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(2, guard.HeadStart(time.Minute)))
		take(t, g)
		_, heavy, err := g.Enlist(t.Context(), never(t), guard.Weight(2))
		require.NoError(t, err)
		p, place, err := g.Enlist(t.Context(), never(t), guard.Priority(guard.High))
		require.NoError(t, err)
		require.False(t, place.Waits())
		require.True(t, p.Release())
		require.True(t, heavy.Leave())
	})
}

func TestAnEnlistedCallIsShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.CoDel(5*time.Millisecond, 100*time.Millisecond)))
		p := take(t, g)
		first, last := enlist(t.Context(), g), enlist(t.Context(), g)
		time.Sleep(time.Second)
		_, _ = g.TryAcquire() // looks
		time.Sleep(time.Second)
		p.Release()
		shed := <-first
		require.ErrorIs(t, shed.err, guard.ErrShed)
		require.False(t, shed.permit.Release())
		served := <-last
		require.NoError(t, served.err)
		require.True(t, served.permit.Release())
	})
}

func TestAnEnlistedCallHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, guard.Limit(1, guard.Deadlines()))
		p := take(t, g)
		time.Sleep(time.Second)
		p.Release()
		take(t, g)
		hurried, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, _, err := g.Enlist(hurried, never(t))
		require.ErrorIs(t, err, guard.ErrShed)
		_, place, err := g.Enlist(t.Context(), never(t))
		require.NoError(t, err)
		require.True(t, place.Leave())
	})
}

func TestResizeEndsAnEnlistedCallThatNoLongerFits(t *testing.T) {
	g := newGuard(t, guard.Limit(2))
	take(t, g)
	var told error
	_, _, err := g.Enlist(t.Context(), func(p guard.Permit, err error) { told = err }, guard.Weight(2))
	require.NoError(t, err)
	require.NoError(t, g.Resize(1))
	require.ErrorIs(t, told, guard.ErrCall)
	require.Zero(t, g.Snapshot().Waiting)
}

// The function may use the guard: to enlist again, and to release.
func TestTheFunctionMayUseTheGuard(t *testing.T) {
	const waiters = 10_000 // each releases inside the call of the one before
	g := newGuard(t, guard.Limit(1))
	p := take(t, g)
	told := 0
	for range waiters {
		_, place, err := g.Enlist(t.Context(), func(p guard.Permit, err error) {
			told++
			p.Release()
		})
		require.NoError(t, err)
		require.True(t, place.Waits())
	}
	p.Release()
	require.Equal(t, waiters, told)
	require.True(t, g.Snapshot().Empty())
}

// A function that panics or ends its goroutine holds nothing, and the others are told.
func TestAFunctionThatPanics(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			var crossings []bool
			g := newGuard(t, guard.Limit(3, guard.SoftLimit(2, func(c guard.Crossing) { crossings = append(crossings, c.Above) })))
			permits := make([]guard.Permit, 3)
			require.Equal(t, 3, g.TryAcquireAll(permits))
			var told []int
			for i := range 3 {
				_, _, err := g.Enlist(t.Context(), func(p guard.Permit, err error) {
					told = append(told, i)
					if i < 2 {
						end()
					}
				})
				require.NoError(t, err)
			}
			survive(func() { g.ReleaseAll(permits) })
			require.Equal(t, []int{0, 1, 2}, told)
			s := g.Snapshot()
			require.Equal(t, 1, s.Depth, "only the third holds its permit")
			require.EqualValues(t, 6, s.Admitted)
			require.Equal(t, []bool{true, false}, crossings)
		})
	}
}

// Fault: a call that was the next in line got its permit, and the hook of the soft
// limit that this crossed panicked: the permit was lost.
func TestAHookThatPanicsWhenACallJoins(t *testing.T) {
	for name, come := range map[string]func(*guard.Guard, ...guard.CallOption){
		"acquire": func(g *guard.Guard, o ...guard.CallOption) { _, _ = g.Acquire(t.Context(), o...) },
		"enlist":  func(g *guard.Guard, o ...guard.CallOption) { _, _, _ = g.Enlist(t.Context(), never(t), o...) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, guard.Limit(3, guard.HeadStart(time.Minute), guard.SoftLimit(2, func(c guard.Crossing) {
				if c.Above {
					panic("boom")
				}
			})))
			p := take(t, g)
			_, heavy, err := g.Enlist(t.Context(), never(t), guard.Weight(3))
			require.NoError(t, err)
			require.PanicsWithValue(t, "boom", func() { come(g, guard.Priority(guard.High)) })
			require.Equal(t, 1, g.Snapshot().Depth)
			require.Equal(t, 1, g.Snapshot().Waiting)
			require.True(t, heavy.Leave())
			require.True(t, p.Release())
			require.True(t, g.Snapshot().Empty())
		})
	}
}

func TestEnlistAllocatesNothing(t *testing.T) {
	g := newGuard(t, guard.Limit(2))
	then := func(p guard.Permit, err error) { p.Release() }
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p, _, _ := g.Enlist(t.Context(), then)
		q, _, _ := g.Enlist(t.Context(), then, guard.Weight(1))
		p.Release()
		q.Release()
	}), "at once")
	take(t, g)
	p := take(t, g)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, place, _ := g.Enlist(t.Context(), then)
		place.Leave()
	}), "in and out of the queue")
	places := make([]guard.Place, 10)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range places {
			_, places[i], _ = g.Enlist(t.Context(), then)
		}
		for _, place := range places {
			place.Leave()
		}
	}), "ten at a time")
	pass := func(q guard.Permit, err error) { p = q }
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _, _ = g.Enlist(t.Context(), pass)
		p.Release()
	}), "through the queue")
}

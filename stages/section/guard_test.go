package section_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// gauge counts the calls that are under way.
type gauge struct{ now, most, calls atomic.Int32 }

// call makes a call and counts it.
func (g *gauge) call(f func() (int, error)) (int, error) {
	g.calls.Add(1)
	n := g.now.Add(1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	defer g.now.Add(-1)
	return f()
}

// takes is a counted call that takes d.
func (g *gauge) takes(d time.Duration) func(context.Context, int) (int, error) {
	return func(_ context.Context, v int) (int, error) {
		return g.call(func() (int, error) { time.Sleep(d); return v, nil })
	}
}

// behind puts a layer that does nothing around others, so that a guard is not
// the outermost.
func behind(layers ...section.Layer) []section.Layer {
	return append([]section.Layer{section.Retry(retry.None())}, layers...)
}

func TestAGuardLimitsTheCalls(t *testing.T) {
	for name, layers := range map[string][]section.Layer{
		"outermost":  {section.Guard(guard.Limit(4))},
		"further in": behind(section.Guard(guard.Limit(4))),
		"both":       {section.Guard(guard.Limit(9)), section.Guard(guard.Limit(4))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gauge
				r := through(t, source.Slice(upTo(100)), section.Map(layers, g.takes(10*time.Millisecond), stages.Workers(16)))
				require.Equal(t, upTo(100), r.out)
				require.Equal(t, int32(4), g.most.Load())
				require.Equal(t, 250*time.Millisecond, r.took, "four at a time, no less")
				seen := r.nodes[1].Observed()
				require.Equal(t, uint64(100), seen[len(seen)-1].(guard.Snapshot).Admitted)
			})
		})
	}
}

func TestAGuardThatShedsLetsGoAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		layers []section.Layer
		shed   int64 // counted as shed by the ledger
	}{
		"outermost":  {[]section.Layer{section.Guard(guard.Limit(4, guard.Name("api"), guard.Shedding()))}, 96},
		"further in": {behind(section.Guard(guard.Limit(4, guard.Name("api"), guard.Shedding()))), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gauge
				r := through(t, source.Slice(upTo(100)), section.Map(tt.layers, g.takes(time.Second), stages.Workers(4)))
				require.Len(t, r.out, 4)
				require.Len(t, r.failed, 96)
				require.Equal(t, tt.shed, r.ledger().Shed)
				require.Equal(t, 96-tt.shed, r.ledger().Failed)
				require.Equal(t, int32(4), g.calls.Load())
				require.Equal(t, time.Second, r.took)
				for _, f := range r.failed {
					require.ErrorIs(t, f, guard.ErrShed)
					require.Zero(t, f.Attempts)
					require.ErrorContains(t, f, "api")
				}
				if tt.shed > 0 {
					require.Equal(t, "!", r.order[0], "it does not wait behind those inside")
				}
			})
		})
	}
}

// A call that is done waits at the exit for its turn, and holds no permit.
func TestAGuardThatShedsIsNotFullOfThoseWhoAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(2, guard.Shedding()))
		require.NoError(t, err)
		through(t, every(time.Second, 4), section.Map([]section.Layer{section.Guard(g)}, func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			}
			return v, nil
		}, stages.Workers(2)), after(time.Minute, func(*kernel.Run) {
			assert.Equal(t, 1, g.Snapshot().Depth, "one call is under way")
		}))
	})
}

func TestASharedGuardLimitsTwoSections(t *testing.T) {
	for name, place := range map[string]func(*guard.Guard) []section.Layer{
		"outermost":  func(g *guard.Guard) []section.Layer { return []section.Layer{section.Guard(g)} },
		"further in": func(g *guard.Guard) []section.Layer { return behind(section.Guard(g)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared, err := guard.New(guard.Limit(3))
				require.NoError(t, err)
				var g gauge
				run := func() []int {
					return through(t, source.Slice(upTo(50)), section.Map(place(shared), g.takes(10*time.Millisecond), stages.Workers(8))).out
				}
				other := make(chan []int)
				go func() { other <- run() }()
				require.Equal(t, upTo(50), run())
				require.Equal(t, upTo(50), <-other)
				require.Equal(t, int32(3), g.most.Load())
				require.Zero(t, shared.Snapshot().Depth)
			})
		})
	}
}

// An item that waits for its turn behind a slow one has given its permit back.
func TestWhoIsDoneHoldsNoPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(8))
		require.NoError(t, err)
		through(t, source.Slice(upTo(8)), section.Map([]section.Layer{section.Guard(g)}, func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			}
			return v, nil
		}, stages.Workers(8)), after(time.Minute, func(*kernel.Run) {
			assert.Equal(t, 1, g.Snapshot().Depth)
		}))
		require.Zero(t, g.Snapshot().Depth)
	})
}

func TestPermitsComeBackHoweverACallEnds(t *testing.T) {
	for name, layer := range map[string]func(g *guard.Guard) []section.Layer{
		"outermost":  func(g *guard.Guard) []section.Layer { return []section.Layer{section.Guard(g)} },
		"further in": func(g *guard.Guard) []section.Layer { return behind(section.Guard(g)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(2))
				require.NoError(t, err)
				r := through(t, source.Slice(upTo(100)), section.Map(layer(g), func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Millisecond)
					switch v % 4 {
					case 0:
						panic("panic")
					case 1:
						return 0, errFlaky
					case 2:
						return 0, stages.ErrDrop
					}
					return v, nil
				}, stages.Workers(3)))
				require.Len(t, r.out, 25)
				require.Zero(t, g.Snapshot().Depth)
				require.Equal(t, uint64(100), g.Snapshot().Admitted)
			})
		})
	}
}

// An abort releases items that wait for a permit of another flow, and a permit that
// comes too late is given back.
func TestAnAbortEndsTheWaitForAPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(1))
		require.NoError(t, err)
		theirs, err := g.TryAcquire()
		require.NoError(t, err)
		r := through(t, source.Slice(upTo(5)), section.Map(behind(section.Guard(g)), same), after(time.Second, func(rt *kernel.Run) {
			rt.Abort(errGone)
			theirs.Release()
		}))
		require.Len(t, r.failed, 5)
		for _, f := range r.failed {
			require.ErrorIs(t, f, stages.ErrAborted)
			require.ErrorIs(t, f, errGone)
		}
		require.Equal(t, time.Second, r.took)
		require.Zero(t, g.Snapshot().Depth)
		require.Zero(t, g.Snapshot().Waiting)
	})
}

// What waited at the entrance was inside the flow when it was aborted: it fails
// with the abort and its cause, not with what the guard makes of a context.
func TestAnAbortIsTheFailureOfWhoWaitsAtTheEntrance(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			g, err := guard.New(guard.Limit(1))
			require.NoError(t, err)
			theirs, err := g.TryAcquire()
			require.NoError(t, err)
			defer theirs.Release()
			r := through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Guard(g)}, same), after(time.Second, abort))
			for _, f := range r.failed {
				require.ErrorIs(t, f, stages.ErrAborted)
				require.ErrorIs(t, f, errGone)
			}
		})
	}
}

func TestAnAbortLetsGoOfWhoWaitsAtTheEntrance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(1))
		require.NoError(t, err)
		theirs, err := g.TryAcquire()
		require.NoError(t, err)
		r := through(t, source.Slice(upTo(3)), section.Map([]section.Layer{section.Guard(g)}, same), after(time.Second, abort))
		require.Len(t, r.failed, 3)
		require.Equal(t, time.Second, r.took)
		require.True(t, theirs.Release())
		require.Zero(t, g.Snapshot().Depth)
	})
}

// hooked is a guard whose soft limit panics once.
func hooked(t *testing.T) *guard.Guard {
	calls := 0
	g, err := guard.New(guard.Limit(4, guard.SoftLimit(2, func(guard.Crossing) {
		if calls++; calls == 1 {
			panic("hook")
		}
	})))
	require.NoError(t, err)
	return g
}

// The hook of a soft limit is user code, and its panic ends the run. It must
// not cost others their permits of a shared guard.
func TestAHookThatPanicsKeepsNoPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := hooked(t)
		r := through(t, source.Slice(upTo(100)), section.Map(behind(section.Guard(g)), same))
		require.ErrorContains(t, r.err, "hook")
		require.Zero(t, g.Snapshot().Depth)
	})
}

func TestAHookThatPanicsAtTheEntranceEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(100)), section.Map([]section.Layer{section.Guard(hooked(t))}, takes(time.Second), stages.Workers(4)))
		require.ErrorContains(t, r.err, "hook")
	})
}

func TestAHookThatPanicsEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, source.Slice(upTo(100)), section.Map(behind(section.Guard(hooked(t))), same))
		require.ErrorContains(t, r.err, "panic in stage \"stage\": hook")
		require.ErrorContains(t, r.failed[0], "hook")
	})
}

package section_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// hurried gives the items their deadlines, by value, in the time of the run; 0 is none.
func hurried(by ...time.Duration) stages.Stage[int, int] {
	return stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		k, o := kernel.Of(in), kernel.OutletOf(out)
		for v, m, ok := typed.Next[int](k); ok; v, m, ok = typed.Next[int](k) {
			if n := k.Node(); by[v] > 0 { // LimitTo counts from the entry of the item
				m = k.LimitTo(m, by[v]-time.Duration(n.Run().Now())+n.Age(&m))
			}
			typed.Send(o, &m, v)
		}
		return nil
	})
}

// left returns when each item left the flow, in the order in which they did.
func left[I, O any](r *rig[I, O]) (at []time.Duration) {
	for _, tm := range r.times {
		at = append(at, tm.Total())
	}
	return at
}

// The fault: an item that waited in a layer behind others left at its turn, however
// long its time was up, and took up room in the section until then.
func TestAnItemLeavesItsPlaceWhenItsTimeIsUp(t *testing.T) {
	open := func(b *breaker.Breaker) *breaker.Breaker { // and closes after 10 s
		_, _ = b.Do(t.Context(), func(context.Context) (int, error) { return 0, errFlaky })
		return b
	}
	for name, tt := range map[string]struct {
		layers func() []section.Layer
		at     []time.Duration // when the items leave
	}{
		"for the rate": { // which knows that their turn comes too late
			func() []section.Layer {
				return []section.Layer{section.RateLimit[int](limiter.Every(10*time.Second), nil)}
			},
			[]time.Duration{0, 0, 15 * time.Second, 25 * time.Second, 35 * time.Second},
		},
		"for a permit": {
			func() []section.Layer { return behind(section.Guard(guard.Limit(1))) },
			[]time.Duration{time.Second, 3 * time.Second, 15 * time.Second, 30 * time.Second, 45 * time.Second},
		},
		"for the answer of another": {
			func() []section.Layer {
				return []section.Layer{section.Dedup(dedup.Window(time.Minute), func(int) int { return 1 })}
			},
			[]time.Duration{time.Second, 3 * time.Second, 15 * time.Second, 15 * time.Second, 15 * time.Second},
		},
		"for the answer of another, by a deduplicator for several": {
			func() []section.Layer {
				d, err := dedup.New[int, section.Answer](dedup.Window(time.Minute))
				require.NoError(t, err)
				return []section.Layer{section.Dedup(d, func(int) int { return 1 })}
			},
			[]time.Duration{time.Second, 3 * time.Second, 15 * time.Second, 15 * time.Second, 15 * time.Second},
		},
		"for the breaker": {
			func() []section.Layer {
				return []section.Layer{section.Breaker(open(fuse(t, 1, 10*time.Second)), stages.Hold())}
			},
			[]time.Duration{time.Second, 3 * time.Second, 25 * time.Second, 35 * time.Second, 40 * time.Second}, // a probe is given up after 10 s
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []int
				join := func(v, _ int) int { order = append(order, v); return v }
				early := hurried(0, 0, time.Second, 3*time.Second, 0)
				r := run(t, false, section.Enrich(tt.layers(), takes(15*time.Second), join, stages.Workers(4), stages.Unordered()), nil, fed(source.Slice(upTo(5)), early))
				order = slices.DeleteFunc(order, func(v int) bool { return v == 0 }) // item 0 has waited for no other item
				require.Equal(t, []int{1, 4}, order, "the order of the others is kept")
				require.Equal(t, tt.at, left(r))
				require.Equal(t, int64(2), r.ledger().Expired)
				for i, f := range r.failed {
					require.ErrorIs(t, f, stages.ErrExpired)
					require.Equal(t, 2+i, f.Value)
					require.Zero(t, f.Attempts)
				}
				require.NoError(t, r.err)
			})
		})
	}
}

// The first in line has a turn that goes on; it leaves nonetheless, and the next
// begins.
func TestTheFirstInLineLeavesWhenItsTimeIsUp(t *testing.T) {
	for name, layers := range map[string]func(*guard.Guard) []section.Layer{
		"outermost":  func(g *guard.Guard) []section.Layer { return []section.Layer{section.Guard(g)} },
		"further in": func(g *guard.Guard) []section.Layer { return behind(section.Guard(g)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(1))
				require.NoError(t, err)
				held, err := g.TryAcquire()
				require.NoError(t, err)
				r := run(t, false, section.Map(layers(g), same, stages.Unordered()), []func(*kernel.Run){
					after(10*time.Second, func(*kernel.Run) { held.Release() }),
				}, fed(source.Slice(upTo(3)), hurried(time.Second, 2*time.Second, 0)))
				require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 10 * time.Second}, left(r))
				require.Equal(t, []int{2}, r.out)
				require.Equal(t, int64(2), r.ledger().Expired)
				s := g.Snapshot()
				require.Zero(t, s.Depth)
				require.Zero(t, s.Waiting)
				require.Equal(t, [3]uint64{2, 2, 0}, [3]uint64{s.Admitted, s.Cancelled, s.Shed})
			})
		})
	}
}

// A permit that comes at the very moment at which its item leaves is not lost,
// whichever is first.
func TestAPermitThatComesTooLateIsGivenBack(t *testing.T) {
	for name, layers := range map[string]func(*guard.Guard) []section.Layer{
		"outermost":  func(g *guard.Guard) []section.Layer { return []section.Layer{section.Guard(g)} },
		"further in": func(g *guard.Guard) []section.Layer { return behind(section.Guard(g)) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 200 {
				synctest.Test(t, func(t *testing.T) {
					g, err := guard.New(guard.Limit(1))
					require.NoError(t, err)
					held, err := g.TryAcquire()
					require.NoError(t, err)
					r := run(t, false, section.Map(layers(g), takes(time.Second), stages.Workers(4)), []func(*kernel.Run){
						after(time.Second, func(*kernel.Run) { held.Release() }),
					}, fed(source.Slice(upTo(4)), hurried(time.Second, time.Second, 2*time.Second, time.Minute)))
					require.Equal(t, 3, r.out[len(r.out)-1])
					s := g.Snapshot()
					require.Zero(t, s.Depth)
					require.Zero(t, s.Waiting)
				})
			}
		})
	}
}

// Items that come and leave again and again do not fill up the line, nor do they
// leave anything behind in it.
func TestThoseWhoHaveLeftTakeNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := guard.New(guard.Limit(1))
		require.NoError(t, err)
		held, err := g.TryAcquire()
		require.NoError(t, err)
		layers := []section.Layer{section.Guard(guard.Limit(4)), section.Guard(g)}
		by := make([]time.Duration, 1000)
		for i := range by[:999] {
			by[i] = time.Duration(i/4+1) * time.Second
		}
		r := run(t, false, section.Map(layers, same), []func(*kernel.Run){
			after(time.Hour, func(*kernel.Run) { held.Release() }),
		}, fed(source.Slice(upTo(1000)), hurried(by...)))
		require.Equal(t, []int{999}, r.out)
		require.Equal(t, time.Hour, r.took)
		require.Equal(t, int64(999), r.ledger().Expired)
		require.Zero(t, g.Snapshot().Depth)
	})
}

// An item that has left did not reach the service, whatever made it late.
func TestWhoLeavesTheLineSaysNothingAboutTheService(t *testing.T) {
	for name, tt := range map[string]struct {
		layer func() section.Layer
		calls int
	}{
		"rate":  {func() section.Layer { return section.RateLimit[int](limiter.Every(time.Hour), nil) }, 1},
		"guard": {func() section.Layer { return section.Guard(guard.Limit(1)) }, 1},
		"breaker": {func() section.Layer {
			b := fuse(t, 1, time.Hour)
			b.Trip()
			return section.Breaker(b, stages.Hold())
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := fuse(t, 2, time.Hour)
				r := through(t, source.Slice(upTo(8)), section.Map([]section.Layer{
					section.Breaker(b), section.Timeout(time.Second), section.Retry(retry.None()), tt.layer(),
				}, func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Minute)
					return v, errFlaky
				}, stages.Workers(8), stages.Unordered()))
				require.Len(t, r.failed, 8)
				late := 0
				for _, f := range r.failed {
					if errors.Is(f, stages.ErrTimeout) {
						late++
					}
				}
				require.Equal(t, 8-tt.calls, late)
				require.Equal(t, breaker.Closed, b.State())
				require.Equal(t, tt.calls, b.Snapshot().Failures)
			})
		})
	}
}

// A flow that is aborted while items wait, leave and get their permits at the same
// time loses no permit, and none of its goroutines.
func TestAnAbortTakesBackThoseInLine(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			g, err := guard.New(guard.Limit(1))
			require.NoError(t, err)
			held, err := g.TryAcquire()
			require.NoError(t, err)
			r := run(t, false, section.Map(behind(section.Guard(g)), same), []func(*kernel.Run){
				after(time.Second, func(*kernel.Run) { held.Release() }), after(time.Second, abort),
			}, fed(source.Slice(upTo(4)), hurried(time.Second, 0, 2*time.Second, time.Second)))
			require.Equal(t, 4, len(r.out)+len(r.failed))
			require.Zero(t, g.Snapshot().Depth)
			require.Zero(t, g.Snapshot().Waiting)
		})
	}
}

// hook is a hook of a soft limit that breaks at a certain call.
func hook(at int64, broken func()) (calls *atomic.Int64, hook func(guard.Crossing)) {
	calls = new(atomic.Int64)
	return calls, func(guard.Crossing) {
		if calls.Add(1) == at {
			broken()
		}
	}
}

// breaks are the ways in which user code can break.
func breaks() map[string]func() {
	return map[string]func(){"panic": func() { panic("hook") }, "goexit": runtime.Goexit}
}

// A hook that breaks when the layer gives permits back ends the run. All permits come back.
func TestAHookThatBreaksAGuardFurtherIn(t *testing.T) {
	for name, broken := range breaks() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, hook := hook(2, broken) // up with the call that held all permits, and down with the waiting calls
				g, err := guard.New(guard.Limit(8, guard.SoftLimit(3, hook)))
				require.NoError(t, err)
				held, err := g.TryAcquire(guard.Weight(8))
				require.NoError(t, err)
				r := through(t, source.Slice(upTo(6)), section.Map(behind(section.Guard(g)), takes(time.Second), stages.Workers(8)),
					after(time.Second, func(*kernel.Run) { held.Release() }))
				require.Error(t, r.err)
				require.ErrorContains(t, r.err, `stage "stage"`)
				require.NotEmpty(t, r.out)
				require.Zero(t, g.Snapshot().Depth)
			})
		})
	}
}

// The goroutine that releases a permit tells the items that wait for it, and calls the hook. If the
// hook breaks, that is no fault of the section.
func TestAHookThatBreaksElsewhereIsNoFaultOfTheSection(t *testing.T) {
	for name, broken := range breaks() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, hook := hook(2, broken)
				g, err := guard.New(guard.Limit(8, guard.SoftLimit(7, hook)))
				require.NoError(t, err)
				held, err := g.TryAcquire(guard.Weight(8))
				require.NoError(t, err)
				r := through(t, source.Slice(upTo(6)), section.Map(behind(section.Guard(g)), takes(time.Second), stages.Workers(8)),
					after(time.Second, func(*kernel.Run) {
						defer func() { _ = recover() }()
						held.Release()
					}))
				require.NoError(t, r.err)
				require.Equal(t, upTo(6), r.out)
				require.EqualValues(t, 2, calls.Load())
				require.Zero(t, g.Snapshot().Depth)
			})
		})
	}
}

// A hook that ends the goroutine of the entrance, or of a worker, aborts the run. Everything that
// is inside leaves, and all permits come back.
func TestAHookThatEndsTheGoroutineOfTheGate(t *testing.T) {
	for name, opts := range map[string][]guard.Option{
		"waits":    nil,
		"sheds":    {guard.Shedding()},
		"adaptive": {guard.Adaptive(guard.AIMD(0.5, 0), 2, 32)},
	} {
		for _, shared := range []bool{true, false} {
			for at := int64(1); at <= 4; at++ {
				t.Run(fmt.Sprint(name, shared, at), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						calls, hook := hook(at, runtime.Goexit)
						policy := guard.Limit(4, append(slices.Clip(opts), guard.SoftLimit(2, hook))...)
						var g guard.Source = policy
						if shared {
							made, err := guard.New(policy)
							require.NoError(t, err)
							g = made
						}
						r := through(t, bursts(0, 0, 0, 0, 5000, 0, 0, 0, 5000, 0, 0), section.Map([]section.Layer{section.Guard(g)}, takes(time.Second), stages.Workers(4)))
						require.GreaterOrEqual(t, calls.Load(), at)
						require.ErrorIs(t, r.err, stages.ErrGoexit)
						require.Equal(t, int(ledgerOf(r.nodes[0]).Out), len(r.out)+len(r.failed))
						require.Zero(t, r.nodes[1].Observed()[0].(guard.Snapshot).Depth)
					})
				})
			}
		}
	}
}

// Two layers that end the goroutine in one turn abort the run, and what was finished before leaves.
// The fault: the goroutine had the exit when the first layer ended it, and the second one made it
// forget that, so the run hung.
func TestTwoLayersThatEndTheGoroutineInOneTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exits := func(first func()) section.Layer { // at its second response
			seen := 0
			return section.Use(script{response: func(p *section.Port[int], x *section.Exchange[int]) {
				if seen++; seen == 2 {
					runtime.Goexit()
				}
				first()
				p.Up(x)
			}})
		}
		layers := []section.Layer{
			exits(func() { time.Sleep(time.Second) }), // the other calls end in the same turn
			exits(func() {}),
		}
		r := through(t, source.Slice(upTo(3)), section.Map(layers, func(_ context.Context, v int) (int, error) {
			time.Sleep(time.Duration(v+1) * time.Millisecond)
			return v, nil
		}, stages.Workers(3)))
		require.ErrorIs(t, r.err, stages.ErrGoexit)
		require.Equal(t, []int{0}, r.out)
		require.Len(t, r.failed, 2)
	})
}

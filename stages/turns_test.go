package stages

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
)

// hurried gives the items their deadlines, by value; 0 is none.
func hurried(by ...time.Duration) Stage[int, int] {
	return StageFunc[int, int](func(_ context.Context, in *Inlet[int], out *Outlet[int]) error {
		for it := range in.All() {
			it.trail.limit(int64(by[it.Value]))
			out.Send(it)
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
		layers func() []Layer[int]
		at     []time.Duration // when those leave that have time
	}{
		"for the rate": {
			func() []Layer[int] { return []Layer[int]{RateLimit[int](limiter.Every(10*time.Second), nil)} },
			[]time.Duration{15 * time.Second, 25 * time.Second, 35 * time.Second},
		},
		"for a permit": {
			func() []Layer[int] { return behind(Guard[int](guard.Limit(1))) },
			[]time.Duration{15 * time.Second, 30 * time.Second, 45 * time.Second},
		},
		"for the answer of another": {
			func() []Layer[int] {
				return []Layer[int]{Dedup(dedup.Window(time.Minute), func(int) int { return 1 })}
			},
			[]time.Duration{15 * time.Second, 15 * time.Second, 15 * time.Second},
		},
		"for the answer of another, by a deduplicator for several": {
			func() []Layer[int] {
				d, err := dedup.New[int, Answer](dedup.Window(time.Minute))
				require.NoError(t, err)
				return []Layer[int]{Dedup(d, func(int) int { return 1 })}
			},
			[]time.Duration{15 * time.Second, 15 * time.Second, 15 * time.Second},
		},
		"for the breaker": {
			func() []Layer[int] {
				return []Layer[int]{Breaker[int](open(fuse(t, 1, 10*time.Second)), Hold())}
			},
			[]time.Duration{25 * time.Second, 35 * time.Second, 40 * time.Second}, // a probe is given up after 10 s
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []int
				join := func(v, _ int) int { order = append(order, v); return v }
				early := hurried(0, 0, time.Second, 3*time.Second, 0)
				r := run(t, false, Enrich(tt.layers(), takes(15*time.Second), join, Workers(4), Unordered()), nil, fed(Slice(upTo(5)), early))
				order = slices.DeleteFunc(order, func(v int) bool { return v == 0 }) // which has waited for nobody
				require.Equal(t, []int{1, 4}, order, "the order of the others is kept")
				require.Equal(t, append([]time.Duration{time.Second, 3 * time.Second}, tt.at...), left(r))
				require.Equal(t, int64(2), r.ledger().Expired)
				for i, f := range r.failed {
					require.ErrorIs(t, f, ErrExpired)
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
	for name, layers := range map[string]func(*guard.Guard) []Layer[int]{
		"outermost":  func(g *guard.Guard) []Layer[int] { return []Layer[int]{Guard[int](g)} },
		"further in": func(g *guard.Guard) []Layer[int] { return behind(Guard[int](g)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := guard.New(guard.Limit(1))
				require.NoError(t, err)
				held, err := g.TryAcquire()
				require.NoError(t, err)
				r := run(t, false, Section(layers(g), same, Unordered()), []func(*Runtime){
					after(10*time.Second, func(*Runtime) { held.Release() }),
				}, fed(Slice(upTo(3)), hurried(time.Second, 2*time.Second, 0)))
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
	for name, layers := range map[string]func(*guard.Guard) []Layer[int]{
		"outermost":  func(g *guard.Guard) []Layer[int] { return []Layer[int]{Guard[int](g)} },
		"further in": func(g *guard.Guard) []Layer[int] { return behind(Guard[int](g)) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 200 {
				synctest.Test(t, func(t *testing.T) {
					g, err := guard.New(guard.Limit(1))
					require.NoError(t, err)
					held, err := g.TryAcquire()
					require.NoError(t, err)
					r := run(t, false, Section(layers(g), takes(time.Second), Workers(4)), []func(*Runtime){
						after(time.Second, func(*Runtime) { held.Release() }),
					}, fed(Slice(upTo(4)), hurried(time.Second, time.Second, 2*time.Second, time.Minute)))
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
		layers := []Layer[int]{Guard[int](guard.Limit(4)), Guard[int](g)}
		by := make([]time.Duration, 1000)
		for i := range by[:999] {
			by[i] = time.Duration(i/4+1) * time.Second
		}
		r := run(t, false, Section(layers, same), []func(*Runtime){
			after(time.Hour, func(*Runtime) { held.Release() }),
		}, fed(Slice(upTo(1000)), hurried(by...)))
		require.Equal(t, []int{999}, r.out)
		require.Equal(t, time.Hour, r.took)
		require.Equal(t, int64(999), r.ledger().Expired)
		require.Zero(t, g.Snapshot().Depth)
	})
}

// An item that has left did not reach the service, whatever made it late.
func TestWhoLeavesTheLineSaysNothingAboutTheService(t *testing.T) {
	for name, tt := range map[string]struct {
		layer func() Layer[int]
		calls int
	}{
		"rate":  {func() Layer[int] { return RateLimit[int](limiter.Every(time.Hour), nil) }, 1},
		"guard": {func() Layer[int] { return Guard[int](guard.Limit(1)) }, 1},
		"breaker": {func() Layer[int] {
			b := fuse(t, 1, time.Hour)
			b.Trip()
			return Breaker[int](b, Hold())
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := fuse(t, 2, time.Hour)
				r := through(t, Slice(upTo(8)), Section([]Layer[int]{
					Breaker[int](b), Timeout[int](time.Second), Retry[int](retry.None()), tt.layer(),
				}, func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Minute)
					return v, errFlaky
				}, Workers(8), Unordered()))
				require.Len(t, r.failed, 8)
				late := 0
				for _, f := range r.failed {
					if errors.Is(f, ErrTimeout) {
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
			r := run(t, false, Section(behind(Guard[int](g)), same), []func(*Runtime){
				after(time.Second, func(*Runtime) { held.Release() }), after(time.Second, abort),
			}, fed(Slice(upTo(4)), hurried(time.Second, 0, 2*time.Second, time.Second)))
			require.Equal(t, 4, len(r.out)+len(r.failed))
			require.Zero(t, g.Snapshot().Depth)
			require.Zero(t, g.Snapshot().Waiting)
		})
	}
}

// A hook of a guard further in is called from a goroutine of the layer; or by whoever
// released a permit elsewhere and is still telling of that: then it is tried once more.
func TestAHookThatBreaksAGuardFurtherIn(t *testing.T) {
	for name, broken := range map[string]func(){
		"panic":  func() { panic("hook") },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			for tries := 1; breaksElsewhere(t, broken); tries++ {
				require.Less(t, tries, 100)
			}
		})
	}
}

// breaksElsewhere reports whether it was not the layer that the hook broke.
func breaksElsewhere(t *testing.T, broken func()) bool {
	var elsewhere atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		g, err := guard.New(guard.Limit(8, guard.SoftLimit(3, func(guard.Crossing) {
			if calls.Add(1) == 3 { // up, down, and up again with the third of those who wait
				broken()
			}
		})))
		require.NoError(t, err)
		held, err := g.TryAcquire(guard.Weight(8))
		require.NoError(t, err)
		release := func() {
			elsewhere.Store(true)
			defer func() { _ = recover() }()
			held.Release()
			elsewhere.Store(false)
		}
		r := through(t, Slice(upTo(6)), Section(behind(Guard[int](g)), takes(time.Second), Workers(8)),
			after(time.Second, func(*Runtime) { go release() }))
		if elsewhere.Load() {
			return
		}
		require.Error(t, r.err)
		require.ErrorContains(t, r.err, `stage "stage"`)
		require.Len(t, r.out, 5)
		require.Equal(t, 2, r.failed[0].Value)
		require.Zero(t, g.Snapshot().Depth)
	})
	return elsewhere.Load()
}

// A hook that ends the goroutine of the gate, on the way in or out, breaks the run and
// does not hang it: everything that is inside still leaves.
func TestAHookThatEndsTheGoroutineOfTheGate(t *testing.T) {
	for name, opts := range map[string][]guard.Option{
		"waits":    nil,
		"sheds":    {guard.Shedding()},
		"adaptive": {guard.Adaptive(guard.AIMD(0.5, 0), 2, 32)},
	} {
		for _, shared := range []bool{true, false} {
			for at := int64(1); at <= 4; at++ {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var calls atomic.Int64
						policy := guard.Limit(4, append(opts, guard.SoftLimit(2, func(guard.Crossing) {
							if calls.Add(1) == at {
								runtime.Goexit()
							}
						}))...)
						var source guard.Source = policy
						if shared {
							g, err := guard.New(policy)
							require.NoError(t, err)
							source = g
						}
						r := through(t, bursts(0, 0, 0, 0, 5000, 0, 0, 0, 5000, 0, 0), Section([]Layer[int]{Guard[int](source)}, takes(time.Second), Workers(4)))
						if calls.Load() >= at {
							require.ErrorIs(t, r.err, ErrGoexit)
						}
						require.NotEmpty(t, r.out)
						require.Equal(t, r.nodes[0].Ledger().Out, int64(len(r.out)+len(r.failed)))
						require.Zero(t, r.nodes[1].Layers()[0].(guard.Snapshot).Depth)
					})
				})
			}
		}
	}
}

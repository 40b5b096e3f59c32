package stages

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWorkersAreSetWhileTheyWork(t *testing.T) {
	for name, s := range map[string]func(g *gauge) Stage[int, int]{
		"Map":       func(g *gauge) Stage[int, int] { return Map(g.takes(time.Second), Workers(2)) },
		"unordered": func(g *gauge) Stage[int, int] { return Map(g.takes(time.Second), Workers(2), Unordered()) },
		"section":   func(g *gauge) Stage[int, int] { return Section(nil, g.takes(time.Second), Workers(2)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gauge
				stage := s(&g)
				require.Equal(t, 2, stage.(Staffed).Staff())
				var seen []int32
				r := through(t, Slice(upTo(400)), stage, func(rt *Runtime) {
					n := rt.Nodes()[1]
					time.Sleep(time.Millisecond) // a stage has workers when it is at work
					for _, workers := range []int{2, 100, 5} {
						assert.NoError(t, n.SetWorkers(workers))
						time.Sleep(1500 * time.Millisecond)
						seen = append(seen, g.now.Load())
						assert.Equal(t, workers, n.Workers())
					}
				})
				require.Equal(t, int32(2), seen[0])
				// 16 items are on the edge and one batch of them is at hand: they bound
				// how many can be under way.
				require.Greater(t, seen[1], int32(5))
				require.LessOrEqual(t, seen[2], int32(5))
				slices.Sort(r.out)
				require.Equal(t, upTo(400), r.out)
			})
		})
	}
}

func TestWorkersOfAStageThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(10)), Map(same, Workers(3)))
		_ = r.nodes[1].SetWorkers(9) // starts nothing: the bubble would not end
		require.Error(t, r.nodes[0].SetWorkers(2), "a source has none")
		require.ErrorContains(t, r.nodes[1].SetWorkers(0), "at least 1")
		require.ErrorContains(t, r.nodes[1].SetWorkers(maxWorkers+1), "at most")
		require.ErrorContains(t, Map(same, Workers(maxWorkers+1)).(Validator).Validate(), "at most")
	})
}

func TestWorkersAreSetBeforeTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := NewRuntime(t.Context(), false, "stage")
		defer rt.Close()
		n := rt.Nodes()[0]
		require.Zero(t, n.Workers())
		n.Begin(Map(same, Workers(3)).(Staffed))
		require.Equal(t, 3, n.Workers())
		require.NoError(t, n.SetWorkers(5))
		require.Equal(t, 5, n.Workers())
	})
}

// A worker whose goroutine is ended is replaced, as often as it takes.
func TestAGoexitCostsNoWorker(t *testing.T) {
	for _, opts := range [][]Option{{Workers(2)}, {Workers(2), Unordered()}} {
		synctest.Test(t, func(t *testing.T) {
			r := behindMap(t, Slice(upTo(200)), func(_ context.Context, v int) (int, error) {
				if v%3 == 0 {
					return 0, errOdd
				}
				return v, nil
			}, Map(func(_ context.Context, v int) (int, error) {
				time.Sleep(time.Millisecond)
				if v < 100 {
					runtime.Goexit()
				}
				return v, nil
			}, opts...))
			require.NoError(t, r.err)
			require.Len(t, r.out, 67)
			require.Len(t, r.failed, 133)
			require.Equal(t, int64(66), r.ledger().Failed)
		})
	}
}

func TestASourceIsPausedAndGoesOn(t *testing.T) {
	for name, src := range map[string]Source[int]{
		"Seq":   Seq(slices.Values(upTo(100))),
		"Slice": Slice(upTo(100)),
		"Emit":  every(0, 100),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var paused int64
				r := through(t, src, Map(takes(time.Second)), func(rt *Runtime) {
					n := rt.Nodes()[0]
					time.Sleep(10500 * time.Millisecond)
					assert.False(t, n.Paused())
					assert.NoError(t, n.Pause())
					assert.NoError(t, n.Pause(), "twice is once")
					time.Sleep(time.Minute) // what is inside goes on
					assert.True(t, n.Paused())
					paused = rt.Nodes()[1].Ledger().Out
					time.Sleep(time.Hour)
					assert.Equal(t, paused, rt.Nodes()[1].Ledger().Out)
					assert.Zero(t, rt.Nodes()[1].Ledger().Balance())
					n.Resume()
					n.Resume()
				})
				require.Greater(t, paused, int64(10))
				require.Less(t, paused, int64(100))
				require.Equal(t, upTo(100), r.out)
				require.Error(t, r.nodes[1].Pause(), "a stage cannot be paused")
			})
		})
	}
}

// A paused source that is stopped hands out what it has taken, and returns.
func TestAStopEndsAPause(t *testing.T) {
	for how, end := range map[string]func(*Runtime){"stop": stop, "abort": abort} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, every(time.Second, 10), Map(same), after(500*time.Millisecond, func(rt *Runtime) {
					assert.NoError(t, rt.Nodes()[0].Pause())
					time.Sleep(time.Minute)
					end(rt)
				}))
				require.Equal(t, time.Minute+500*time.Millisecond, r.took)
				require.Equal(t, 0, r.out[0])
				if how == "stop" {
					require.Equal(t, upTo(2), r.out)
				}
			})
		})
	}
}

func TestEdgesShowWhereItemsPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []EdgeState
		r := through(t, Slice(upTo(100)), Map(takes(time.Second)), after(10500*time.Millisecond, func(rt *Runtime) { states = rt.Edges() }))
		require.Len(t, r.out, 100)
		require.Equal(t, []string{"source", "stage", "stage", "sink"}, []string{states[0].From, states[0].To, states[1].From, states[1].To})
		require.Equal(t, 16, states[0].Depth)
		require.Equal(t, 16, states[0].Bound)
		require.Equal(t, 10500*time.Millisecond, states[0].Full, "the source has been blocked all the time")
		require.Zero(t, states[0].Empty)
		require.Zero(t, states[1].Full)
		require.Equal(t, 10500*time.Millisecond, states[1].Empty, "and the sink had nothing to do")
	})
}

// Stages that want no more say so up the stream, as far as nobody else wants
// what comes by.
func TestAStageThatReturnsEarlyStopsItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take := StageFunc[int, int](func(_ context.Context, in *Inlet[int], out *Outlet[int]) error {
			for range 3 {
				it, _ := in.Next()
				out.Send(it)
			}
			return nil
		})
		r := behindMap(t, Seq(forever(time.Second)), same, take)
		require.Equal(t, upTo(3), r.out)
		require.NoError(t, r.err)
		require.LessOrEqual(t, r.took, 4*time.Second)
	})
}

// A source that nobody wants while others are at work stops, and they do not.
func TestOnlyTheSourceThatNobodyWantsStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := NewRuntime(t.Context(), false, "a", "b", "first", "all")
		defer rt.Close()
		n := rt.Nodes()
		aOut, aIn := Link[int](rt, n[0], n[2], 4)
		bOut, bIn := Link[int](rt, n[1], n[3], 4)
		go RunSource(Seq(forever(time.Second)), aOut)
		go RunSource(every(time.Second, 100), bOut)
		go RunSink(SinkFunc[int](func(_ context.Context, in *Inlet[int]) error {
			it, _ := in.Next()
			in.Done(it)
			return nil
		}), aIn)
		var all []int
		RunSink(Append(&all), bIn)
		require.Equal(t, upTo(100), all)
		require.Less(t, n[0].Ledger().Out, int64(5))
		require.NoError(t, rt.Err())
	})
}

// A stage that leads to two others goes on while one of them wants its items.
func TestAStageGoesOnForTheOtherReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := NewRuntime(t.Context(), false, "source", "first", "all")
		defer rt.Close()
		n := rt.Nodes()
		first, firstIn := Link[int](rt, n[0], n[1], 4)
		rest, restIn := Link[int](rt, n[0], n[2], 4)
		go func() {
			defer rest.close()
			RunSource(SourceFunc[int](func(ctx context.Context, out *Outlet[int]) error {
				for i := 0; i < 50 && ctx.Err() == nil; i++ {
					out.Emit(i)
					rest.Emit(i)
					time.Sleep(time.Second)
				}
				return nil
			}), first)
		}()
		go RunSink(SinkFunc[int](func(_ context.Context, in *Inlet[int]) error {
			it, _ := in.Next()
			in.Done(it)
			return nil
		}), firstIn)
		var all []int
		RunSink(Append(&all), restIn)
		require.Equal(t, upTo(50), all)
	})
}

// What a stage emits beside the items it received has come of none of them.
func TestAStageMayEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, Slice(upTo(2)), StageFunc[int, int](func(_ context.Context, in *Inlet[int], out *Outlet[int]) error {
			out.Emit(-1)
			for it := range in.All() {
				out.Send(it)
			}
			out.Emit(-2)
			return nil
		}))
		require.Equal(t, []int{-1, 0, 1, -2}, r.out)
		require.Equal(t, Ledger{In: 2, Derived: 2, Out: 4}, r.ledger())
	})
}

// A Goexit fails its item as one of this stage, and leaves a failure of another
// stage beside it what it is.
func TestAGoexitAmongFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behindMap(t, Slice(upTo(600)), func(_ context.Context, v int) (int, error) {
			if v == 401 {
				return 0, errOdd
			}
			return v, nil
		}, Map(func(_ context.Context, v int) (int, error) {
			if v == 400 {
				runtime.Goexit()
			}
			return v, nil
		}))
		require.NoError(t, r.err)
		require.Len(t, r.failed, 2)
		require.ErrorIs(t, r.failed[0], ErrGoexit)
		require.Equal(t, "stage", r.failed[0].Stage)
		require.ErrorIs(t, r.failed[1], errOdd)
		require.Equal(t, "map", r.failed[1].Stage)
	})
}

func TestARuntimeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		rt := NewRuntime(ctx, true, "a", "b")
		defer rt.Close()
		require.Equal(t, []string{"a", "b"}, []string{rt.Nodes()[0].Name(), rt.Nodes()[1].Name()})
		rt.Stop()
		<-rt.Stopped()
		require.NoError(t, rt.Context().Err(), "to stop is not to abort")
		cancel(errGone)
		<-rt.Context().Done()
		require.Equal(t, errGone, context.Cause(rt.Context()))
		rt.Abort(errFlaky)
		require.Equal(t, errGone, context.Cause(rt.Context()), "the first cause counts")
		require.NoError(t, rt.Err())
	})
}

func TestOnlyTheFirstAbortCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, every(time.Second, 10), Map(takes(time.Hour)), after(1500*time.Millisecond, func(rt *Runtime) {
			rt.Abort(errGone)
			rt.Abort(errFlaky)
		}))
		require.NotEmpty(t, r.failed)
		for _, f := range r.failed {
			require.ErrorIs(t, f, errGone)
			require.NotErrorIs(t, f, errFlaky)
		}
	})
}

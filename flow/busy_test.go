package flow_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// deaf is a function that ignores its context: at the value 5 it does not return
// until it is let go.
type deaf struct{ letGo chan struct{} }

func (d deaf) call(_ context.Context, v int) (int, error) {
	if v == 5 {
		<-d.letGo
	}
	return v, nil
}

func (d deaf) stage(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
	for it := range in.All() {
		it.Value, _ = d.call(context.Background(), it.Value)
		out.Send(it)
	}
	return nil
}

func (d deaf) source(_ context.Context, out *stages.Outlet[int]) error {
	for i := range 100 {
		v, _ := d.call(context.Background(), i)
		if !out.Emit(v) {
			return nil
		}
	}
	return nil
}

// inBubble returns how many goroutines there are in the bubble of the test.
func inBubble() int {
	synctest.Wait()
	buf := make([]byte, 1<<20)
	all := string(buf[:runtime.Stack(buf, true)]) // one's own is the first
	_, bubble, _ := strings.Cut(all[:strings.Index(all, "]")], "synctest bubble")
	return strings.Count(all, "synctest bubble"+bubble+"]")
}

// abandoned runs a graph behind a source of acknowledged values, aborts it after
// a second, and returns what it ended with and how many goroutines it left.
func abandoned(t *testing.T, box *postbox, d deaf, build func(*flow.Stream[int]) *flow.Graph) (*flow.Report, *flow.AbandonedError) {
	t.Helper()
	before := inBubble()
	r, err := build(flow.From(box)).Start(t.Context(), flow.AbandonAfter(time.Second))
	require.NoError(t, err)
	time.AfterFunc(time.Second, func() { r.Abort(errBroken) })
	start := time.Now()
	rep, err := r.Wait()
	require.Less(t, time.Since(start), 10*time.Second)
	require.Equal(t, before+1, inBubble(), "all that is left is the function")
	require.ErrorIs(t, err, errBroken)
	var left *flow.AbandonedError
	require.ErrorAs(t, err, &left)
	require.NoError(t, rep.Check())
	require.Equal(t, left.Left, rep.Busy)
	return rep, left
}

// A call that does not return costs its item, and nothing else: all others are
// acknowledged, and their goroutines are gone.
func TestARunEndsWithoutACallThatIgnoresItsContext(t *testing.T) {
	key := func(v int) int { return v % 3 }
	for name, join := range map[string]func(deaf, *flow.Stream[int]) *flow.Stream[int]{
		"Map":     func(d deaf, s *flow.Stream[int]) *flow.Stream[int] { return s.Map("deaf", d.call) },
		"workers": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] { return s.Map("deaf", d.call, stages.Workers(3)) },
		"unordered": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("deaf", d.call, stages.Workers(3), stages.Unordered())
		},
		"Lanes": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("deaf", key, d.call, stages.Workers(2))
		},
		"a key of Lanes": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("deaf", func(v int) int { v, _ = d.call(t.Context(), v); return v % 3 }, same, stages.Workers(2))
		},
		"a key of Dedup": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.Dedup(dedup.Window(0), func(v int) int { v, _ = d.call(t.Context(), v); return v }).Map("deaf", same, stages.Workers(2))
		},
		"a cost of RateLimit": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			cost := func(v int) int { _, _ = d.call(t.Context(), v); return 1 }
			return s.RateLimit(limiter.PerSecond(1e9, limiter.Burst(1000)), cost).Map("deaf", same, stages.Workers(2))
		},
		"Section": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(8)).Dedup(dedup.Window(0), func(v int) int { return v }).Retry(retry.Constant(3, time.Second)).Map("deaf", d.call, stages.Workers(2))
		},
		"hedged": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("deaf", d.call, stages.Hedge(retry.None(retry.Hedge(time.Hour, 2))))
		},
		"FlatMap": func(d deaf, s *flow.Stream[int]) *flow.Stream[int] {
			return s.FlatMap("deaf", func(ctx context.Context, v int) (iter.Seq[int], error) {
				v, err := d.call(ctx, v)
				return slices.Values([]int{v, v}), err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, box := deaf{make(chan struct{})}, &postbox{n: 1000, burst: 1}
				rep, left := abandoned(t, box, d, func(s *flow.Stream[int]) *flow.Graph {
					return join(d, s).To(takesAll{})
				})
				require.Len(t, left.Left, 1)
				require.Equal(t, "deaf", left.Left[0].Stage)
				require.Equal(t, 1, left.Left[0].Calls)
				require.Contains(t, left.Left[0].Function, "flow_test.")
				require.Positive(t, rep.Ledger.Failed)
				box.check(t)
				close(d.letGo)
				synctest.Wait()
				box.check(t)
			})
		})
	}
}

// What is stuck in the middle of something else is left behind as a whole: those
// above and below it end all the same.
func TestARunEndsWithoutAStageThatIsStuck(t *testing.T) {
	ignoring := func(d deaf) stages.Sink[int] {
		return sink.ForEach(func(ctx context.Context, v int) error { _, err := d.call(ctx, v); return err })
	}
	for name, build := range map[string]func(deaf, *flow.Stream[int]) *flow.Graph{
		"a sink's function": func(d deaf, s *flow.Stream[int]) *flow.Graph { return s.To(ignoring(d), stages.Name("deaf")) },
		"a stage": func(d deaf, s *flow.Stream[int]) *flow.Graph {
			return s.Map("before", same, stages.Buffer(1)).Via("deaf", stages.StageFunc[int, int](d.stage), stages.Buffer(2)).To(takesAll{})
		},
		"a key": func(d deaf, s *flow.Stream[int]) *flow.Graph {
			key := func(v int) int { v, _ = d.call(t.Context(), v); return v }
			return s.Join(flow.From(source.Slice(upTo(3))), time.Hour, key, key, first, stages.Name("deaf")).To(takesAll{})
		},
		"a lane": func(d deaf, s *flow.Stream[int]) *flow.Graph {
			b := s.Partition(2, func(v int) int { v, _ = d.call(t.Context(), v); return v % 2 }, stages.Name("deaf"))
			return b[0].Merge(b[1]).To(takesAll{})
		},
		"a dead letter": func(d deaf, s *flow.Stream[int]) *flow.Graph {
			fail := func(_ context.Context, v int) (int, error) { return v, errFlaky }
			return s.Map("fail", fail).DeadLetter(func(ctx context.Context, e *stages.ItemError) error {
				_, err := d.call(ctx, e.Value.(int))
				return err
			}, stages.Name("deaf")).To(takesAll{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, box := deaf{make(chan struct{})}, &postbox{n: 1000, burst: 1}
				_, left := abandoned(t, box, d, func(s *flow.Stream[int]) *flow.Graph { return build(d, s) })
				require.Len(t, left.Left, 1, left)
				require.Equal(t, "deaf", left.Left[0].Stage)
				require.Positive(t, left.Left[0].Items)
				close(d.letGo)
				synctest.Wait()
				box.check(t) // late, and once
			})
		})
	}
}

// A Concat or Zip that waits for a stuck stage does not take items from its other inlet, which is
// full. It was left behind as well, while it waited: the run hung.
func TestAStageThatWaitsForAStuckOneIsNotLeftBehind(t *testing.T) {
	for name, join := range map[string]func(a, b *flow.Stream[int]) *flow.Stream[int]{
		"Concat": func(a, b *flow.Stream[int]) *flow.Stream[int] { return a.Concat(b) },
		"Zip":    func(a, b *flow.Stream[int]) *flow.Stream[int] { return a.Zip(b, first) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deaf{make(chan struct{})}
				g := flow.New()
				stuck := g.From(stages.SourceFunc[int](d.source), stages.Name("deaf"))
				r, err := join(stuck, g.From(source.Slice(upTo(5000)))).To(takesAll{}).Start(t.Context(), flow.AbandonAfter(time.Second))
				require.NoError(t, err)
				time.Sleep(time.Second)
				r.Abort(errBroken)
				rep, err := r.Wait()
				var left *flow.AbandonedError
				require.ErrorAs(t, err, &left)
				require.Len(t, left.Left, 1)
				require.Equal(t, "deaf", left.Left[0].Stage)
				require.NoError(t, rep.Check())
				close(d.letGo)
				synctest.Wait()
			})
		})
	}
}

// A sink that works on the acknowledgements of many items was left behind in the middle of them: the
// report counted items twice.
func TestAStageThatIsSlowIsNotLeftBehind(t *testing.T) {
	for name, end := range map[string]func(*flow.Stream[int]) *flow.Graph{
		"a sink": func(s *flow.Stream[int]) *flow.Graph { return s.To(sink.ForEach(ignore)) },
		"Map":    func(s *flow.Stream[int]) *flow.Graph { return s.Map("a", same).To(sink.ForEach(ignore)) },
		"workers": func(s *flow.Stream[int]) *flow.Graph {
			return s.Map("a", same, stages.Workers(2)).To(sink.ForEach(ignore))
		},
		"Batch": func(s *flow.Stream[int]) *flow.Graph {
			return s.Batch(3, 0).To(sink.ForEach(func(context.Context, []int) error { return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard := make([]int, 100)
				src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
					for i := range heard {
						if !out.EmitAcked(func(error) {
							heard[i]++
							time.Sleep(100 * time.Millisecond)
						}, i) {
							break
						}
					}
					return nil
				})
				nap := func(_ context.Context, v int) (int, error) {
					time.Sleep(time.Millisecond)
					return v, nil
				}
				r, err := end(flow.From(src).Map("nap", nap)).Start(t.Context(), flow.AbandonAfter(time.Second))
				require.NoError(t, err)
				time.Sleep(20 * time.Millisecond)
				r.Abort(errBroken)
				rep, err := r.Wait()
				require.ErrorIs(t, err, errBroken)
				var left *flow.AbandonedError
				require.NotErrorAs(t, err, &left)
				require.NoError(t, rep.Check())
				for i, n := range heard {
					require.Equal(t, 1, n, i)
				}
			})
		})
	}
}

// An acknowledgement that does not return is as good as a stuck stage.
func TestARunEndsWithoutAnAcknowledgementThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deaf{make(chan struct{})}
		src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
			for i := range 100 {
				if !out.EmitAcked(func(error) { _, _ = d.call(t.Context(), i) }, i) {
					break
				}
			}
			return nil
		})
		r, err := flow.From(src).To(sink.ForEach(ignore), stages.Buffer(4)).Start(t.Context(), flow.AbandonAfter(time.Second))
		require.NoError(t, err)
		time.Sleep(time.Second)
		r.Abort(errBroken)
		rep, err := r.Wait()
		require.ErrorContains(t, err, `stage "sink" was left behind`)
		require.NoError(t, rep.Check())
		close(d.letGo)
		synctest.Wait()
	})
}

func TestARunEndsWithoutASourceThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deaf{make(chan struct{})}
		r, err := flow.From(stages.SourceFunc[int](d.source), stages.Name("deaf")).Map("same", same).To(takesAll{}).
			Start(t.Context(), flow.AbandonAfter(time.Second))
		require.NoError(t, err)
		time.Sleep(time.Second)
		r.Abort(errBroken)
		rep, err := r.Wait()
		require.ErrorContains(t, err, `stage "deaf" was left behind: 0 calls of `)
		require.ErrorContains(t, err, "deaf.source")
		require.NoError(t, rep.Check())
		require.Equal(t, int64(5), rep.Ledger.In)
		close(d.letGo)
		synctest.Wait()
		require.Equal(t, int64(5), r.Snapshot().Ledger.In, "what it emits late is not taken")
	})
}

func TestAnAbandonableRunEndsAsAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rep flow.Report
		n := 0
		s := flow.From(source.Slice(upTo(100))).Map("same", func(_ context.Context, v int) (int, error) {
			switch v {
			case 3:
				panic("three")
			case 4:
				return 0, errFlaky
			}
			return v, nil
		}, stages.Workers(3))
		for r := range s.Results(t.Context(), flow.AbandonAfter(time.Second), flow.ReportTo(&rep)) {
			require.NotErrorIs(t, r.Err, stages.ErrAbandoned)
			n++
		}
		require.Equal(t, 100, n)
		require.NoError(t, rep.Check())
		require.Nil(t, rep.Busy)
		require.Equal(t, int64(2), rep.Ledger.Failed)

		for range s.Results(t.Context(), flow.AbandonAfter(time.Second)) {
			break // in the loop's own goroutine
		}
		_, err := s.To(takesAll{}).Run(t.Context(), flow.AbandonAfter(0))
		require.ErrorIs(t, err, flow.ErrGraph)
	})
}

// The report says who held up the drain, and how many items it had.
func TestADrainThatTakesTooLongNamesWhoIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heeding := func(ctx context.Context, v int) (int, error) {
			if v == 5 {
				<-ctx.Done()
			}
			return v, nil
		}
		r, err := flow.From(endless).Map("call", heeding, stages.Workers(2)).Batch(100, time.Hour).
			To(sink.ForEach(func(context.Context, []int) error { return nil })).
			Start(t.Context(), flow.DrainTimeout(time.Minute))
		require.NoError(t, err)
		time.Sleep(20*time.Millisecond + time.Microsecond)
		r.Stop()
		rep, err := r.Wait()
		var late *flow.DrainError
		require.ErrorAs(t, err, &late)
		require.ErrorIs(t, err, flow.ErrDrainTimeout)
		require.Equal(t, time.Minute, late.Timeout)
		require.Len(t, late.Busy, 1)
		require.Equal(t, "call", late.Busy[0].Stage)
		require.Equal(t, 1, late.Busy[0].Calls)
		require.Contains(t, late.Busy[0].Function, "TestADrainThatTakesTooLongNamesWhoIsBusy")
		require.Positive(t, late.Busy[0].Items)
		require.ErrorContains(t, err, `flow: drain timed out after 1m0s; stage "call" is busy: 1 call of`)
		require.Equal(t, late.Busy, rep.Busy)
		require.Contains(t, rep.String(), `stage "call" is busy`)
		require.NoError(t, rep.Check())
	})
}

// A source that does not heed its context is named, one that waits for room is
// not.
func TestADrainNamesASourceThatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		src := stages.SourceFunc[int](func(context.Context, *stages.Outlet[int]) error { <-letGo; return nil })
		r, err := flow.From(src, stages.Name("deaf")).To(takesAll{}).Start(t.Context(), flow.DrainTimeout(time.Minute))
		require.NoError(t, err)
		r.Stop()
		time.AfterFunc(2*time.Minute, func() { close(letGo) })
		_, err = r.Wait()
		require.ErrorContains(t, err, `stage "deaf" is busy`)

		own := stages.StageFunc[int, int](func(ctx context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
			<-ctx.Done()
			return errors.New("late")
		})
		r, err = flow.From(source.Slice(upTo(5000))).Via("own", own).To(takesAll{}).Start(t.Context(), flow.DrainTimeout(time.Minute))
		require.NoError(t, err)
		time.Sleep(time.Second)
		r.Stop()
		_, err = r.Wait()
		var late *flow.DrainError
		require.ErrorAs(t, err, &late)
		require.Len(t, late.Busy, 1)
		require.Equal(t, "own", late.Busy[0].Stage)
		require.Equal(t, int64(stages.DefaultBuffer), late.Busy[0].Items)
	})
}

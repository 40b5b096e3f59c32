package flow_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

type markKey struct{}

// log is what hooks have seen.
type log struct {
	mu    sync.Mutex
	lines []string
}

// add adds a line, unless it is about the sink of Collect.
func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if line := fmt.Sprintf(format, args...); !strings.Contains(line, "results") {
		l.lines = append(l.lines, line)
	}
}

func (l *log) count(line string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.lines {
		if one == line {
			n++
		}
	}
	return n
}

// all are hooks that log everything about calls.
func (l *log) all() flow.Hooks {
	return flow.Hooks{
		Begin: func(ctx context.Context, c *flow.Call) context.Context {
			l.add("begin %s %d", c.Stage, c.Attempt)
			return context.WithValue(ctx, markKey{}, c.Stage)
		},
		End: func(ctx context.Context, c *flow.Call, err error, _ time.Duration) {
			l.add("end %s %d %v in %v", c.Stage, c.Attempt, err, ctx.Value(markKey{}))
		},
		Leave: func(c *flow.Call, err error) { l.add("leave %s %d %v", c.Stage, c.Attempt, err != nil) },
	}
}

// Each call of each kind of function is seen once, with a context of its own.
func TestHooksSeeEachCall(t *testing.T) {
	const n = 100
	marked := func(ctx context.Context) error {
		if ctx.Value(markKey{}) != "stage" {
			return fmt.Errorf("the function got the context of %v", ctx.Value(markKey{}))
		}
		return nil
	}
	f := func(ctx context.Context, v int) (int, error) { return v, marked(ctx) }
	for name, tt := range map[string]struct {
		calls int
		shape func(*flow.Stream[int]) *flow.Stream[int]
	}{
		"Map":     {n, func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("stage", f) }},
		"workers": {n, func(s *flow.Stream[int]) *flow.Stream[int] { return s.Map("stage", f, stages.Workers(4)) }},
		"Filter": {n, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Filter("stage", func(ctx context.Context, _ int) (bool, error) { return true, marked(ctx) })
		}},
		"section": {n, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(8)).Map("stage", f, stages.Workers(4))
		}},
		"Lanes": {n, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Lanes("stage", func(v int) int { return v % 7 }, f, stages.Workers(4))
		}},
		"Scan": {n, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Scan("stage", 0, func(ctx context.Context, _, v int) (int, error) { return f(ctx, v) })
		}},
		"Reduce": {n, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Reduce("stage", 0, func(ctx context.Context, _, v int) (int, error) { return f(ctx, v) })
		}},
		"FlatMap": {n, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.FlatMap("stage", func(ctx context.Context, v int) (iter.Seq[int], error) {
				return func(yield func(int) bool) { yield(v) }, marked(ctx)
			})
		}},
		"MapBatch": {n / 10, func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.MapBatch("stage", 10, time.Hour, func(ctx context.Context, all []int) ([]int, error) { return all, marked(ctx) })
		}},
		"with a deadline": {n, func(s *flow.Stream[int]) *flow.Stream[int] { return s.Deadline(time.Hour).Map("stage", f) }},
	} {
		t.Run(name, func(t *testing.T) {
			var seen log
			_, err := tt.shape(flow.From(source.Slice(upTo(n)))).Collect(t.Context(), flow.WithHooks(seen.all()))
			require.NoError(t, err)
			require.Equal(t, tt.calls, seen.count("begin stage 1"))
			require.Equal(t, tt.calls, seen.count("end stage 1 <nil> in stage"))
			require.Equal(t, tt.calls, seen.count("leave stage 1 false"))
			require.Equal(t, 3*tt.calls, len(seen.lines))
		})
	}
}

func TestHooksSeeTheCallsOfSinksAndServices(t *testing.T) {
	var seen log
	_, err := flow.From(source.Slice(upTo(10))).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("one")).Run(t.Context(), flow.WithHooks(seen.all()))
	require.NoError(t, err)
	require.Equal(t, 10, seen.count("end one 1 <nil> in one"))
	_, err = flow.From(source.Slice(upTo(10))).
		To(sink.ForEachBatch(5, 0, func(context.Context, []int) error { return nil }), stages.Name("many")).Run(t.Context(), flow.WithHooks(seen.all()))
	require.NoError(t, err)
	require.Equal(t, 2, seen.count("end many 1 <nil> in many"))
	for _, opts := range [][]flow.RunOption{nil, {flow.ByWorkers()}} {
		var seen log
		s, err := flow.Serve(t.Context(), func(q *flow.Stream[int]) *flow.Stream[int] { return q.Map("call", same) }, append(opts, flow.WithHooks(seen.all()))...)
		require.NoError(t, err)
		require.NoError(t, s.Do(t.Context(), 1).Err)
		s.Stop()
		_, err = s.Wait()
		require.NoError(t, err)
		require.Equal(t, []string{"begin call 1", "end call 1 <nil> in call", "leave call 1 false"}, seen.lines)
	}
}

// A retried item has a call for each try, and leaves once.
func TestHooksSeeEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen log
		h := seen.all()
		h.Begin = func(ctx context.Context, c *flow.Call) context.Context {
			if c.Attempt == 1 {
				require.Nil(t, c.State)
			} else {
				require.Equal(t, "of the first attempt", c.State)
			}
			c.State = "of the first attempt"
			return ctx
		}
		for r := range flow.From(source.Slice([]int{0, 1})).Retry(retry.Constant(3, time.Second)).
			Map("call", func(_ context.Context, v int) (int, error) {
				if v == 0 {
					return 0, errFlaky
				}
				return v, nil
			}).Results(t.Context(), flow.WithHooks(h)) {
			require.Equal(t, r.Value == 0, r.Err != nil)
		}
		require.Equal(t, []string{
			"end call 1 flaky in <nil>", "end call 1 <nil> in <nil>", "end call 2 flaky in <nil>", "end call 3 flaky in <nil>",
			"leave call 3 true", "leave call 1 false",
		}, seen.lines)
	})
}

func TestHooksSeeErrorsAndPanicsAndDrops(t *testing.T) {
	var seen log
	f := func(_ context.Context, v int) (int, error) {
		switch v {
		case 0:
			return 0, stages.ErrDrop
		case 1:
			panic("at the disco")
		}
		return v, nil
	}
	for range flow.From(source.Slice(upTo(3))).Map("call", f).Results(t.Context(), flow.WithHooks(seen.all())) { //nolint:revive // all of them
	}
	require.Equal(t, 1, seen.count(fmt.Sprintf("end call 1 %v in call", stages.ErrDrop)))
	require.Equal(t, 2, seen.count("leave call 1 true"))
	require.Equal(t, 1, seen.count("leave call 1 false"))
	require.Contains(t, seen.lines[4], "at the disco")
}

// The context that Enter gives an item goes with it, also to what is made of it.
func TestEnterGivesItemsAContext(t *testing.T) {
	var seen log
	n := 0
	h := flow.Hooks{
		Selected: true,
		Enter: func(ctx context.Context) context.Context {
			n++
			if n%2 == 0 {
				return ctx // as it was
			}
			return context.WithValue(ctx, markKey{}, n)
		},
		Begin: func(ctx context.Context, c *flow.Call) context.Context {
			links := []any{}
			for _, l := range c.Links {
				links = append(links, l.Value(markKey{}))
			}
			seen.add("%s %v %v", c.Stage, ctx.Value(markKey{}), links)
			return nil
		},
		End: func(context.Context, *flow.Call, error, time.Duration) { seen.add("end") },
	}
	_, err := flow.From(source.Slice(upTo(4))).Map("a", same).
		FlatMap("b", func(_ context.Context, v int) (iter.Seq[int], error) {
			return func(yield func(int) bool) { yield(v) }, nil
		}).
		MapBatch("c", 4, 0, func(_ context.Context, all []int) ([]int, error) { return all, nil }).
		Batch(4, 0).
		Map("d", func(_ context.Context, all []int) (int, error) { return len(all), nil }).
		Collect(t.Context(), flow.WithHooks(h))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"a 1 []", "a 3 []", "b 1 []", "b 3 []", "c <nil> [1 3]", "d <nil> [1 3]",
	}, seen.lines)
	_, err = flow.From(source.Slice(upTo(4))).Collect(t.Context(), flow.WithHooks(h), flow.Untimed())
	require.ErrorContains(t, err, "the hook Enter needs the times")
}

// With a gap only every third item without a context is seen, however it comes in, and Root sees it.
func TestGapsBetweenItems(t *testing.T) {
	gapped := func(seen *log) flow.Hooks {
		return flow.Hooks{
			Enter: func(ctx context.Context) context.Context { seen.add("own %v", ctx.Value(markKey{})); return nil },
			Root:  func(context.Context) context.Context { seen.add("root"); return nil },
			Gap:   func() int64 { return 2 },
		}
	}
	emitting := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		for v := range 30 {
			out.Emit(v)
		}
		return nil
	})
	for name, src := range map[string]stages.Source[int]{"slice": source.Slice(upTo(30)), "emit": emitting} {
		t.Run(name, func(t *testing.T) {
			var one, two log
			_, err := flow.From(src).Collect(t.Context(), flow.WithHooks(gapped(&one)))
			require.NoError(t, err)
			require.Equal(t, 10, one.count("root"))
			_, err = flow.From(src).Collect(t.Context(), flow.WithHooks(gapped(&two)), flow.WithHooks(gapped(&two)))
			require.NoError(t, err)
			require.Equal(t, 20, two.count("root"), "each set has its own")
			require.Len(t, one.lines, 10)
		})
	}
	var seen log
	s, err := flow.Serve(t.Context(), func(q *flow.Stream[int]) *flow.Stream[int] { return q.Map("call", same) }, flow.WithHooks(gapped(&seen)))
	require.NoError(t, err)
	for range 30 {
		require.NoError(t, s.Do(context.Background(), 1).Err)
	}
	require.NoError(t, s.Do(context.WithValue(context.Background(), markKey{}, "mine"), 1).Err)
	s.Stop()
	_, err = s.Wait()
	require.NoError(t, err)
	require.Equal(t, 10, seen.count("root"))
	require.Equal(t, 1, seen.count("own mine"))
}

func TestEnterSeesTheContextOfACaller(t *testing.T) {
	for _, opts := range [][]flow.RunOption{nil, {flow.ByWorkers()}} {
		var seen log
		h := flow.Hooks{
			Enter: func(ctx context.Context) context.Context { seen.add("%v", ctx.Value(markKey{})); return nil },
			Begin: func(ctx context.Context, _ *flow.Call) context.Context {
				seen.add("%v", ctx.Value(markKey{}))
				return ctx
			},
		}
		s, err := flow.Serve(t.Context(), func(q *flow.Stream[int]) *flow.Stream[int] { return q.Map("call", same) }, append(opts, flow.WithHooks(h))...)
		require.NoError(t, err)
		require.NoError(t, s.Do(context.WithValue(t.Context(), markKey{}, "caller"), 1).Err)
		s.Stop()
		_, err = s.Wait()
		require.NoError(t, err)
		require.Equal(t, []string{"caller", "caller"}, seen.lines)
	}
}

func TestHooksSeeLayersAndDeadLetters(t *testing.T) {
	var seen log
	h := flow.Hooks{
		Change: func(c flow.Change) {
			seen.add("%s: %s %s from %s to %s: %v", c.Stage, c.Kind, c.Name, c.From, c.To, c.Err)
		},
		DeadLetter: func(stage string, f *stages.ItemError) { seen.add("%s: %v", stage, f) },
	}
	shared, err := breaker.New(breaker.Consecutive("model", 1, time.Hour))
	require.NoError(t, err)
	_, err = flow.From(source.Slice(upTo(1))).Breaker(shared).
		Map("call", func(context.Context, int) (int, error) { return 0, errFlaky }).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Run(t.Context(), flow.WithHooks(h))
	require.NoError(t, err)
	require.Equal(t, []string{
		"call: breaker model from closed to open: flaky", `dead-letter: stage "call": flaky`,
	}, seen.lines)
	shared.Reset()
	require.Len(t, seen.lines, 2, "the run is over, and sees no changes any more")
}

func TestHooksSeeTheEndOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen log
		h := flow.Hooks{
			Stop:   func(r *flow.Run) { seen.add("stop %v", r.State()) },
			Abort:  func(_ *flow.Run, cause error) { seen.add("abort %v", cause) },
			Finish: func(_ *flow.Run, rep *flow.Report, err error) { seen.add("finish %d %v", rep.Ledger.In, err) },
		}
		run, release := blocked(t, flow.WithHooks(h))
		synctest.Wait()
		run.Stop()
		synctest.Wait()
		require.Equal(t, []string{"stop draining"}, seen.lines)
		run.Abort(errFlaky)
		close(release)
		_, err := run.Wait()
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, []string{"stop draining", "abort flaky", "finish 3 flaky"}, seen.lines)
		seen.lines = nil
		_, err = flow.From(source.Slice(upTo(3))).Collect(t.Context(), flow.WithHooks(h))
		require.NoError(t, err)
		require.Equal(t, []string{"finish 3 <nil>"}, seen.lines)
	})
}

func TestAHookThatPanicsFailsTheRun(t *testing.T) {
	h := flow.Hooks{End: func(context.Context, *flow.Call, error, time.Duration) { panic("hooked") }}
	for name, opts := range map[string][]stages.MapOption{"one": nil, "workers": {stages.Workers(4)}} {
		t.Run(name, func(t *testing.T) {
			_, err := flow.From(source.Slice(upTo(10))).Map("call", same, opts...).Collect(t.Context(), flow.WithHooks(h))
			require.ErrorContains(t, err, "flow: hook panicked: hooked")
		})
	}
}

// Two sets of hooks do not see each other's state, and both see everything that they want.
func TestSeveralSetsOfHooks(t *testing.T) {
	var all, none log
	_, err := flow.From(source.Slice(upTo(5))).Retry(retry.Constant(2, time.Millisecond)).Map("call", same).
		Collect(t.Context(), flow.WithHooks(all.all()), flow.WithHooks(flow.Hooks{
			Begin: func(_ context.Context, c *flow.Call) context.Context { none.add("begin %s", c.Stage); return nil },
			End:   func(context.Context, *flow.Call, error, time.Duration) { none.add("end") },
			Leave: func(*flow.Call, error) { none.add("leave") },
		}))
	require.NoError(t, err)
	require.Equal(t, 5, all.count("end call 1 <nil> in call"))
	require.Equal(t, 5, all.count("leave call 1 false"))
	require.Equal(t, 5, none.count("begin call"))
	require.Len(t, none.lines, 5)
}

package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// The rows are those of the list of what a resilient pipeline has to do. Row 54
// stands with the sections.

func TestRow47StagesRunInTheOrderOfTheirJoining(t *testing.T) {
	got, err := flow.From(source.Slice([]string{"x"})).Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, got, "no stages, no change")

	mark := func(m string) func(context.Context, string) (string, error) {
		return stages.Lift(func(s string) string { return s + m })
	}
	later := 0
	s := flow.From(source.Slice([]string{""})).Map("a", mark("a")).Map("b", mark("b")).Map("c", mark("c"))
	got, err = s.Map("fail", func(_ context.Context, s string) (string, error) { return "", fmt.Errorf("after %q: %w", s, errFlaky) }).
		Map("later", func(context.Context, string) (string, error) { later++; return "", nil }).Collect(t.Context())
	require.ErrorContains(t, err, `stage "fail": after "abc"`)
	require.ErrorIs(t, err, errFlaky)
	require.Empty(t, got)
	require.Zero(t, later, "a failed item skips the stages below")
}

func TestRow48AnErrorPolicySeesTheItemAsItWas(t *testing.T) {
	var seen, dead []any
	got, err := flow.From(source.Slice([]string{"1", "two", "three", "four"})).
		Map("parse", func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }).
		OnError(func(_ context.Context, e *stages.ItemError) (int, error) {
			seen = append(seen, e.Value)
			switch e.Value {
			case "two":
				return 2, nil
			case "three":
				return 0, stages.ErrDrop
			}
			return 0, e.Err
		}).
		DeadLetter(func(_ context.Context, e *stages.ItemError) error {
			dead = append(dead, e.Value)
			return nil
		}).Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, got)
	require.Equal(t, []any{"two", "three", "four"}, seen)
	require.Equal(t, []any{"four"}, dead)
}

func TestRow49ResultsTellEachStagesTimeAndAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		for r := range flow.From(source.Slice([]int{1})).Map("slow", slow).
			Retry(retry.Constant(3, time.Second)).
			Map("call", func(context.Context, int) (int, error) {
				time.Sleep(5 * time.Nanosecond)
				if tries++; tries < 3 {
					return 0, errFlaky
				}
				return 0, stages.ErrDrop
			}).Results(t.Context()) {
			require.Fail(t, "it was dropped", r)
		}
		tries = -9
		for r := range flow.From(source.Slice([]int{1})).Map("slow", slow).
			Retry(retry.Constant(3, time.Second)).
			Map("call", func(context.Context, int) (int, error) {
				time.Sleep(5 * time.Nanosecond)
				return 0, errFlaky
			}).Results(t.Context()) {
			require.ErrorIs(t, r.Err, errFlaky)
			call, ok := r.Timings.Stage("call")
			require.True(t, ok)
			require.Equal(t, stages.Timing{Stage: "call", Wait: 2 * time.Second, Work: 15 * time.Nanosecond, Attempts: 3}, call)
			require.Equal(t, 2*time.Second+2*time.Millisecond+15*time.Nanosecond, r.Timings.Total())
		}
	})
}

// A graph is not edited, see Graph.Names; what the row asks to find out about it
// is found out from its names.
func TestRow50NamesAreToldAndUnique(t *testing.T) {
	build := func(debug bool) *flow.Graph {
		s := flow.From(source.Slice(upTo(1))).Map("b", same)
		if debug { // as one inserts a stage
			s = s.Map("debug", same)
		}
		return s.Map("a", same).To(sink.Append(&[]int{}))
	}
	require.Equal(t, []string{"source", "b", "a", "sink"}, build(false).Names())
	require.Equal(t, 2, slices.Index(build(true).Names(), "debug"))
	require.Empty(t, flow.New().Names())
	two := build(false)
	one := flow.From(source.Slice(upTo(1))).Merge(two.From(source.Slice(upTo(1)))).To(sink.Append(&[]int{}))
	require.Len(t, one.Names(), 8)
	require.Equal(t, one.Names(), two.Names(), "they have become one graph")
	require.NoError(t, one.Validate(), "names that nobody gave are made unique")

	g := flow.From(source.Slice(upTo(1))).Map("a", same).Map("b", same).Map("a", same).To(sink.Append(&[]int{}))
	require.ErrorContains(t, g.Validate(), `stage "a": 2 stages have this name`)
	require.NotContains(t, g.Validate().Error(), `"b"`)
}

func TestRow51APanicIsTheErrorOfItsItem(t *testing.T) {
	n := 0
	for r := range flow.From(source.Slice(upTo(100))).Map("call", func(_ context.Context, v int) (int, error) {
		if v == 50 {
			panic("fifty")
		}
		return v, nil
	}, stages.Workers(4)).Results(t.Context()) {
		if n == 50 {
			var p *stages.PanicError
			require.ErrorAs(t, r.Err, &p)
			require.Equal(t, "call", p.Stage)
			require.Equal(t, "fifty", p.Value)
			require.Contains(t, string(p.Stack), "checklist_test.go")
		} else {
			require.NoError(t, r.Err)
		}
		n++
	}
	require.Equal(t, 100, n)
}

// That string -> int -> [][]int compiles is half of the test.
func TestRow52StagesAreTypedAndErrorsKeepSecrets(t *testing.T) {
	var s *flow.Stream[[][]int] = flow.From(source.Slice([]string{"1", "22"})).
		Map("length", stages.Lift(func(s string) int { return len(s) })).
		Map("zeros", stages.Lift(func(n int) []int { return make([]int, n) })).
		Batch(2, 0)
	got, err := s.Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, [][][]int{{{0}, {0, 0}}}, got)

	var rep flow.Report
	_, err = flow.From(source.Slice([]string{"secret"})).
		Map("call", func(context.Context, string) (string, error) { return "", errFlaky }).Collect(t.Context(), flow.ReportTo(&rep))
	require.ErrorIs(t, err, errFlaky)
	require.NotContains(t, err.Error(), "secret")
	require.NotContains(t, rep.String(), "secret")
}

// tracer is a layer that writes down what passes it, each way.
type tracer struct {
	name  string
	trace *[]string
}

func (l tracer) Open(p *section.Port[int]) (section.Handler[int], error) { return &tracing{l, p}, nil }

type tracing struct {
	tracer
	port *section.Port[int]
}

func (h *tracing) Request(x *section.Exchange[int]) {
	*h.trace = append(*h.trace, h.name+" down")
	h.port.Down(x)
}

func (h *tracing) Response(x *section.Exchange[int]) {
	*h.trace = append(*h.trace, h.name+" up")
	h.port.Up(x)
}

// A single item is with one layer at a time, so the trace needs no lock.
func TestRow53TheLayersEncloseTheCallInTheOrderWritten(t *testing.T) {
	var trace []string
	got, err := flow.From(source.Slice([]int{7})).
		Guard(guard.Limit(1)).Layer(section.Use(tracer{"guard-dedup", &trace})).
		Dedup(dedup.Window(time.Minute), func(v int) int { return v }).Layer(section.Use(tracer{"dedup-breaker", &trace})).
		Breaker(breaker.Consecutive("b", 5, time.Second)).Layer(section.Use(tracer{"breaker-retry", &trace})).
		Retry(retry.Constant(2, time.Millisecond)).Layer(section.Use(tracer{"retry-call", &trace})).
		Map("call", func(_ context.Context, v int) (int, error) {
			trace = append(trace, "call")
			if strings.Count(strings.Join(trace, " "), "call") < 3 { // "retry-call down" counts as well
				return 0, errFlaky
			}
			return v, nil
		}).Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{7}, got)
	require.Equal(t, []string{
		"guard-dedup down", "dedup-breaker down", "breaker-retry down",
		"retry-call down", "call", "retry-call up", // the first attempt ends at the retry
		"retry-call down", "call", "retry-call up",
		"breaker-retry up", "dedup-breaker up", "guard-dedup up",
	}, trace)
}

// Beside its edges, a Map with several workers holds its window, 64 items here,
// and a section what its guard admits.
func TestRow55AStalledConsumerHoldsNoMoreThanTheBuffers(t *testing.T) {
	for name, tt := range map[string]struct {
		join func(*flow.Stream[int]) *flow.Stream[int]
		most int64
	}{
		"one worker": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("b", same, stages.Buffer(7))
		}, 5 + 7 + 11},
		"three workers": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Map("b", same, stages.Buffer(7), stages.Workers(3))
		}, 5 + 7 + 64 + 11},
		"a section": {func(s *flow.Stream[int]) *flow.Stream[int] {
			return s.Guard(guard.Limit(4)).Map("b", same, stages.Buffer(7), stages.Workers(3))
		}, 5 + 7 + 4 + 11},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var taken atomic.Int64
				greedy := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
					for i := 0; ctx.Err() == nil && out.Emit(i); i++ {
						taken.Add(1)
					}
					return nil
				})
				resume := make(chan struct{})
				r, err := tt.join(flow.From[int](greedy).Map("a", same, stages.Buffer(5))).
					To(sink.ForEach(func(context.Context, int) error { <-resume; return nil }), stages.Buffer(11)).
					Start(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Hour)
				synctest.Wait()
				stalled := taken.Load()
				r.Stop()
				close(resume)
				rep, err := r.Wait()
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				require.LessOrEqual(t, stalled, tt.most)
				require.GreaterOrEqual(t, stalled, int64(11), "the buffers are used")
			})
		})
	}
}

func TestRow56EachEdgeSaysWhatItDoesWhenItIsFull(t *testing.T) {
	for policy, want := range map[stages.OverflowPolicy][]int{
		stages.Block:      upTo(10),
		stages.DropNewest: {0, 1, 2, 3}, // one at work, one on its way, two kept
		stages.DropOldest: {0, 1, 8, 9},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				paced := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
					for i := range 10 {
						out.Emit(i)
						time.Sleep(time.Millisecond)
					}
					return nil
				})
				var got []int
				rep, err := flow.From[int](paced).To(sink.ForEach(func(_ context.Context, v int) error {
					time.Sleep(time.Second)
					got = append(got, v)
					return nil
				}), stages.Buffer(2, policy)).Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, rep.Check())
				require.Equal(t, want, got)
				require.Equal(t, int64(10-len(want)), rep.Ledger.Shed)
			})
		})
	}
}

// A guard can shed, too: the newest item is turned away.
func TestRow56AFullSectionShedsWithItsFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		for r := range flow.From(source.Slice(upTo(10))).Guard(guard.Limit(3, guard.Shedding())).
			Map("call", g.call, stages.Workers(3)).Results(t.Context()) {
			if r.Err == nil {
				require.Less(t, r.Value, 3)
				continue
			}
			var shed *guard.ShedError
			require.ErrorAs(t, r.Err, &shed)
			require.Equal(t, 3, shed.Capacity)
		}
		require.Equal(t, int32(3), g.calls.Load())
	})
}

func TestRow57EveryItemIsAccountedForAcrossStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithTimeout(t.Context(), 77*time.Millisecond)
		defer cancel()
		var rep flow.Report
		ok, failed, dead := 0, 0, 0
		for r := range flow.From(endless).Map("slow", slow, stages.Workers(2)).Map("odd", odd).
			DeadLetter(func(_ context.Context, e *stages.ItemError) error {
				if e.Value.(int)%3 == 0 {
					return errFlaky
				}
				dead++
				return nil
			}).Results(t.Context(), flow.StopWhen(stop.Done()), flow.ReportTo(&rep)) {
			if r.Err != nil {
				failed++
			} else {
				ok++
			}
		}
		require.NoError(t, rep.Check())
		require.Equal(t, rep.Ledger.In, int64(ok+failed+dead))
		require.GreaterOrEqual(t, rep.Ledger.In, int64(76))
		require.Equal(t, int64(dead), rep.Ledger.DeadLettered)
	})
}

func TestRow58ADeadLetterHoldsTheItemStageReasonAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered := time.Now()
		var kept *stages.ItemError
		_, err := flow.From(source.Slice([]int{7})).Map("slow", slow).Map("odd", odd).
			DeadLetter(func(_ context.Context, e *stages.ItemError) error { kept = e; return nil }).Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, &stages.ItemError{Stage: "odd", Err: errFlaky, Attempts: 1, Value: 7, Entered: entered}, kept)
	})
}

func TestRow59DeadlinesHoldBeforeAndDuringAStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			wait, work time.Duration
			began      bool
		}{
			"before": {2 * time.Second, 0, false},
			"during": {0, time.Hour, true},
		} {
			began, took := false, time.Now()
			for r := range flow.From(source.Slice([]int{1})).Via("deadline", operator.Deadline[int](time.Second)).
				Map("wait", func(_ context.Context, v int) (int, error) { time.Sleep(tt.wait); return v, nil }).
				Map("work", func(ctx context.Context, v int) (int, error) {
					began = true
					select {
					case <-time.After(tt.work):
						return v, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				}).Results(t.Context()) {
				require.ErrorIs(t, r.Err, stages.ErrExpired, name)
			}
			require.Equal(t, tt.began, began, name)
			require.Equal(t, max(tt.wait, time.Second), time.Since(took), name)
		}

		b, err := breaker.New(breaker.Consecutive("model", 3, time.Hour))
		require.NoError(t, err)
		timeouts, rejected := 0, 0
		for r := range flow.From(source.Slice(upTo(9))).Guard(guard.Limit(1)).Breaker(b).Timeout(time.Second).
			Map("call", func(ctx context.Context, v int) (int, error) { <-ctx.Done(); return v, ctx.Err() }).Results(t.Context()) {
			if errors.Is(r.Err, breaker.ErrOpen) {
				rejected++
			} else {
				require.ErrorIs(t, r.Err, stages.ErrTimeout)
				timeouts++
			}
		}
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, []int{3, 6}, []int{timeouts, rejected}, "three calls out of time are three failures")
	})
}

func TestRow60AGracefulStopDrainsAndAHardOneAccounts(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []flow.RunOption
		want error
	}{
		"within the deadline": {[]flow.RunOption{flow.DrainTimeout(time.Hour)}, nil},
		"beyond it":           {[]flow.RunOption{flow.DrainTimeout(20 * time.Millisecond)}, flow.ErrDrainTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := flow.From(endless).Map("slow", slow).
					To(sink.ForEach(func(context.Context, int) error { return nil })).Start(t.Context(), tt.opts...)
				require.NoError(t, err)
				time.Sleep(200 * time.Millisecond)
				r.Stop()
				rep, err := r.Wait()
				require.ErrorIs(t, err, tt.want)
				require.NoError(t, rep.Check())
				if tt.want == nil {
					require.Equal(t, rep.Ledger.In, rep.Ledger.Out)
				} else {
					require.Equal(t, rep.Ledger.In, rep.Ledger.Out+rep.Ledger.Failed)
					require.InDelta(t, 220, rep.Elapsed.Milliseconds(), 2, "at the deadline, and no later")
				}
			})
		})
	}
}

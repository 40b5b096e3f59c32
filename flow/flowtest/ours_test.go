package flowtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// All that package stages exports keeps its contract.

type call = func(context.Context) error

var one2five = []int{1, 2, 3, 4, 5}

// double is a function that begins with call, as the suite asks for.
func double(first call) func(context.Context, int) (int, error) {
	return func(ctx context.Context, v int) (int, error) { return 2 * v, first(ctx) }
}

var doubled = []int{2, 4, 6, 8, 10}

func mapOptions(workers int, opts []stages.UnorderedOption) []stages.MapOption {
	all := []stages.MapOption{stages.Workers(workers)}
	for _, o := range opts {
		all = append(all, o)
	}
	return all
}

func bulkOptions(workers int, opts []stages.UnorderedOption) []stages.BulkOption {
	all := []stages.BulkOption{stages.Workers(workers)}
	for _, o := range opts {
		all = append(all, o)
	}
	return all
}

func TestOurStages(t *testing.T) {
	run := func(name string, c flowtest.StageCase[int, int]) {
		t.Run(name, func(t *testing.T) {
			c.In = one2five
			flowtest.TestStage(t, c)
		})
	}
	calls := func(name string, stage func(f func(context.Context, int) (int, error), workers int, opts ...stages.UnorderedOption) stages.Stage[int, int]) {
		for setup, opts := range map[string][]stages.UnorderedOption{
			"":            nil,
			" by workers": {},
			" unordered":  {stages.Unordered()},
		} {
			workers := 3
			if opts == nil {
				workers = 1
			}
			run(name+setup, flowtest.StageCase[int, int]{
				New: func(first call) stages.Stage[int, int] { return stage(double(first), workers, opts...) },
				Out: doubled, AnyOrder: len(opts) == 1 || name == "Lanes", // which keeps that of each key
			})
		}
	}
	calls("Map", func(f func(context.Context, int) (int, error), workers int, opts ...stages.UnorderedOption) stages.Stage[int, int] {
		return operator.Map(f, mapOptions(workers, opts)...)
	})
	calls("Section", func(f func(context.Context, int) (int, error), workers int, opts ...stages.UnorderedOption) stages.Stage[int, int] {
		return section.Map([]section.Layer{section.Guard(guard.Limit(4))}, f, mapOptions(workers, opts)...)
	})
	calls("Lanes", func(f func(context.Context, int) (int, error), workers int, opts ...stages.UnorderedOption) stages.Stage[int, int] {
		return operator.Lanes(func(v int) int { return v % 2 }, f, stages.Workers(workers))
	})
	calls("Enrich", func(f func(context.Context, int) (int, error), workers int, opts ...stages.UnorderedOption) stages.Stage[int, int] {
		return section.Enrich(nil, f, func(_, out int) int { return out }, mapOptions(workers, opts)...)
	})
	run("Filter", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return operator.Filter(func(ctx context.Context, v int) (bool, error) { return v%2 == 1, first(ctx) })
		},
		Out: []int{1, 3, 5},
	})
	run("FlatMap", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return operator.FlatMap(func(ctx context.Context, v int) (iter.Seq[int], error) {
				return slices.Values(make([]int, v%3)), first(ctx)
			})
		},
		Out: make([]int, 6),
	})
	run("a stage that reads items together", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] {
			return stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
				buf := make([]stages.Item[int], 3)
				for n := in.Read(buf); n > 0; n = in.Read(buf) {
					out.SendAll(buf[:n])
				}
				return nil
			})
		},
		Out: one2five,
	})
	run("OnError", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return operator.OnError(func(ctx context.Context, e *stages.ItemError) (int, error) { return -1, first(ctx) })
		},
		Out: one2five,
	})
	run("DeadLetter", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return operator.DeadLetter[int](func(ctx context.Context, _ *stages.ItemError) error { return first(ctx) })
		},
		Out: one2five,
	})
	run("HandBack", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.HandBack[int](time.Second) },
		Out: one2five,
	})
	run("Deadline", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.Deadline[int](time.Hour) },
		Out: one2five,
	})
	run("Remember", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.Remember[int]() },
		Out: one2five,
	})
	calls("MapBatch", func(f func(context.Context, int) (int, error), workers int, opts ...stages.UnorderedOption) stages.Stage[int, int] {
		// Of one item each, since the suite expects a failure for each call.
		return operator.MapBatch(1, time.Minute, func(ctx context.Context, vs []int) (outs []int, err error) {
			for _, v := range vs {
				out, err := f(ctx, v)
				if err != nil {
					return nil, err
				}
				outs = append(outs, out)
			}
			return outs, nil
		}, bulkOptions(workers, opts)...)
	})
	run("Throttle", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] {
			return operator.Throttle[int](limiter.PerSecond(100, limiter.Burst(3)), nil)
		},
		Out: one2five,
	})
	run("Debounce", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.Debounce[int](time.Second) },
		Out: []int{5},
	})
	run("Delay", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.Delay[int](time.Minute, stages.Capacity(100)) },
		Out: one2five,
	})
	run("DistinctUntilChanged", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] {
			return operator.DistinctUntilChanged(func(v int) int { return v / 2 })
		},
		Out: []int{1, 2, 4},
	})
	run("Unique", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] {
			return operator.Unique(time.Hour, func(v int) int { return v })
		},
		Out: one2five,
	})
	for _, policy := range []stages.OverflowPolicy{stages.Block, stages.DropNewest, stages.DropOldest} {
		run("Overflow, "+policy.String(), flowtest.StageCase[int, int]{
			New: func(call) stages.Stage[int, int] { return operator.Overflow[int](64, policy) },
			Out: one2five,
		})
	}
	sum := func(first call) func(context.Context, int, int) (int, error) {
		return func(ctx context.Context, sum, v int) (int, error) { return sum + v, first(ctx) }
	}
	run("Reduce", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] { return operator.Reduce(0, sum(first)) },
		Out: []int{15},
	})
	run("Scan", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] { return operator.Scan(0, sum(first)) },
		Out: []int{1, 3, 6, 10, 15},
	})
	run("Skip", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.Skip[int](2) },
		Out: []int{3, 4, 5},
	})
	run("Take", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return operator.Take[int](3) },
		Out: []int{1, 2, 3},
	})
	for _, policy := range []operator.WindowPolicy{operator.Tumbling(time.Minute), operator.Sliding(time.Minute, time.Second), operator.Session(time.Second)} {
		t.Run("Window, "+policy.String(), func(t *testing.T) {
			flowtest.TestStage(t, flowtest.StageCase[int, operator.WindowOf[int]]{
				New: func(call) stages.Stage[int, operator.WindowOf[int]] { return operator.Window[int](policy) },
				In:  one2five,
			})
		})
	}
	t.Run("Batch", func(t *testing.T) {
		flowtest.TestStage(t, flowtest.StageCase[int, []int]{
			New: func(call) stages.Stage[int, []int] { return operator.Batch[int](2, time.Minute) },
			In:  one2five, Out: [][]int{{1, 2}, {3, 4}, {5}},
		})
	})
}

func TestOurSources(t *testing.T) {
	run := func(name string, c flowtest.SourceCase[int]) {
		t.Run(name, func(t *testing.T) { flowtest.TestSource(t, c) })
	}
	run("Slice", flowtest.SourceCase[int]{
		New: func() stages.Source[int] { return source.Slice(one2five) }, Brings: one2five,
	})
	run("Seq", flowtest.SourceCase[int]{
		New: func() stages.Source[int] { return source.Seq(slices.Values(one2five)) }, Brings: one2five,
	})
	run("Seq without an end", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			return source.Seq(func(yield func(int) bool) {
				for i := 1; yield(i); i++ {
					time.Sleep(time.Millisecond)
				}
			})
		},
		Brings: one2five, Endless: true,
	})
	run("Chan", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			ch := make(chan int, len(one2five))
			for _, v := range one2five {
				ch <- v
			}
			return source.Chan(ch)
		},
		Brings: one2five, Endless: true, // the test never closes ch
	})
	var acks atomic.Int64 // from any goroutine of the flow
	run("Acked", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			acks.Store(0)
			rest := one2five
			return source.Acked(func(context.Context) ([]source.Delivery[int], error) {
				if len(rest) == 0 {
					return nil, io.EOF
				}
				d := source.Delivery[int]{Value: rest[0], Ack: func(error) { acks.Add(1) }}
				rest = rest[1:]
				return []source.Delivery[int]{d}, nil
			})
		},
		Brings: one2five, Acks: func() int { return int(acks.Load()) },
	})
	var replay *deadletter.Replay[int]
	run("Replay", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			store := &deadletter.Memory[int]{}
			for _, v := range one2five {
				if err := store.Put(t.Context(), &stages.ItemError{Value: v, Err: io.EOF}); err != nil {
					t.Error(err)
				}
			}
			replay = &deadletter.Replay[int]{Store: store}
			return replay
		},
		Brings: one2five,
		Acks: func() int {
			r := replay.Report()
			return int(r.Done + r.Failed + r.Unsettled)
		},
	})
	run("Reconnecting", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			rest := one2five
			return source.Reconnecting(stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
				for len(rest) > 0 && ctx.Err() == nil {
					out.Emit(rest[0])
					if rest = rest[1:]; len(rest)%2 == 1 {
						return io.ErrUnexpectedEOF
					}
				}
				return nil
			}), retry.Constant(2, time.Millisecond))
		},
		Brings: one2five,
	})
	run("Source", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			return flowtest.NewSource[int]().Emit(1, 2).Sleep(time.Second).Emit(3, 4, 5)
		},
		Brings: one2five,
	})
	t.Run("Lines", func(t *testing.T) {
		flowtest.TestSource(t, flowtest.SourceCase[string]{
			New:    func() stages.Source[string] { return source.Lines(strings.NewReader("a\nb\r\n\nc")) },
			Brings: []string{"a", "b", "", "c"},
		})
	})
}

func TestOurSinks(t *testing.T) {
	run := func(name string, c flowtest.SinkCase[int]) {
		t.Run(name, func(t *testing.T) {
			c.In = one2five
			flowtest.TestSink(t, c)
		})
	}
	var took []int
	run("Append", flowtest.SinkCase[int]{
		New: func(call) stages.Sink[int] {
			took = nil
			return sink.Append(&took)
		},
		Took: func() []int { return took },
	})
	run("ForEach", flowtest.SinkCase[int]{
		New: func(first call) stages.Sink[int] {
			took = nil
			return sink.ForEach(func(ctx context.Context, v int) error {
				err := first(ctx)
				if err == nil {
					took = append(took, v)
				}
				return err
			})
		},
		Took: func() []int { return took },
	})
	run("ForEachBatch", flowtest.SinkCase[int]{
		New: func(first call) stages.Sink[int] {
			took = nil
			return sink.ForEachBatch(2, time.Minute, func(ctx context.Context, vs []int) error {
				err := first(ctx)
				if err == nil {
					took = append(took, vs...)
				}
				return err
			})
		},
		Took: func() []int { return took },
	})
	run("Async", flowtest.SinkCase[int]{
		New: func(first call) stages.Sink[int] {
			took = nil
			return sink.Async(4, func(ctx context.Context, v int, done func(error)) {
				err := first(ctx)
				if err == nil {
					took = append(took, v)
				}
				done(err)
			})
		},
		Took: func() []int { return took },
	})
	var ch chan int
	run("Into", flowtest.SinkCase[int]{
		New: func(call) stages.Sink[int] {
			ch = make(chan int, 10_000)
			return sink.Into(ch)
		},
		Took: func() (all []int) {
			for v := range ch {
				all = append(all, v)
			}
			return all
		},
	})
	t.Run("WriteLines", func(t *testing.T) {
		var b bytes.Buffer
		flowtest.TestSink(t, flowtest.SinkCase[string]{
			New: func(first call) stages.Sink[string] {
				b.Reset()
				return sink.WriteLines[string](writer{&b, first})
			},
			In:   []string{"a", "b", "c"},
			Took: func() []string { return strings.Fields(b.String()) },
		})
	})
}

// writer begins with a call that knows no context.
type writer struct {
	io.Writer
	first call
}

func (w writer) Write(p []byte) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := w.first(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return 0, err
	}
	return w.Writer.Write(p)
}

func TestOurLayers(t *testing.T) {
	for name, layer := range map[string]func() section.Layer{
		"Guard": func() section.Layer { return section.Guard(guard.Limit(4)) },
		"Guard, shared": func() section.Layer {
			g, err := guard.New(guard.Limit(2))
			if err != nil {
				t.Error(err)
			}
			return section.Guard(g)
		},
		"Guard, shedding": func() section.Layer { return section.Guard(guard.Limit(2000, guard.Shedding())) },
		"Dedup":           func() section.Layer { return section.Dedup(dedup.Window(time.Hour), func(v int) int { return v }) },
		"Dedup, stale": func() section.Layer {
			return section.Dedup(dedup.Window(time.Millisecond, dedup.ServeStale(time.Hour)), func(v int) int { return v })
		},
		"Breaker": func() section.Layer { return section.Breaker(breaker.Consecutive("b", 3, time.Second)) },
		"Breaker, holding": func() section.Layer {
			return section.Breaker(breaker.Consecutive("b", 3, time.Second), stages.Hold())
		},
		"Retry":     func() section.Layer { return section.Retry(retry.Exponential(3, 50*time.Millisecond)) },
		"Timeout":   func() section.Layer { return section.Timeout(time.Hour) },
		"RateLimit": func() section.Layer { return section.RateLimit[int](limiter.PerSecond(1000, limiter.Burst(3)), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			flowtest.TestLayer(t, flowtest.LayerCase[int]{New: layer, In: one2five})
		})
	}
}

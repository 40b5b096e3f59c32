package flowtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// All that package stages exports keeps its contract.

type call = func(context.Context) error

var one2five = []int{1, 2, 3, 4, 5}

// double is a function that begins with call, as the suite asks for.
func double(first call) func(context.Context, int) (int, error) {
	return func(ctx context.Context, v int) (int, error) { return 2 * v, first(ctx) }
}

var doubled = []int{2, 4, 6, 8, 10}

func TestOurStages(t *testing.T) {
	run := func(name string, c flowtest.StageCase[int, int]) {
		t.Run(name, func(t *testing.T) {
			c.In = one2five
			flowtest.TestStage(t, c)
		})
	}
	calls := func(name string, stage func(f func(context.Context, int) (int, error), opts ...stages.Option) stages.Stage[int, int]) {
		for setup, opts := range map[string][]stages.Option{
			"":            nil,
			" by workers": {stages.Workers(3)},
			" unordered":  {stages.Workers(3), stages.Unordered()},
		} {
			run(name+setup, flowtest.StageCase[int, int]{
				New: func(first call) stages.Stage[int, int] { return stage(double(first), opts...) },
				Out: doubled, AnyOrder: len(opts) == 2 || name == "Lanes", // which keeps that of each key
			})
		}
	}
	calls("Map", stages.Map[int, int])
	calls("Section", func(f func(context.Context, int) (int, error), opts ...stages.Option) stages.Stage[int, int] {
		return stages.Section([]stages.Layer[int]{stages.Guard[int](guard.Limit(4))}, f, opts...)
	})
	calls("Lanes", func(f func(context.Context, int) (int, error), opts ...stages.Option) stages.Stage[int, int] {
		return stages.Lanes(func(v int) int { return v % 2 }, f, opts...)
	})
	calls("Enrich", func(f func(context.Context, int) (int, error), opts ...stages.Option) stages.Stage[int, int] {
		return stages.Enrich(nil, f, func(_, out int) int { return out }, opts...)
	})
	run("Filter", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return stages.Filter(func(ctx context.Context, v int) (bool, error) { return v%2 == 1, first(ctx) })
		},
		Out: []int{1, 3, 5},
	})
	run("FlatMap", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return stages.FlatMap(func(ctx context.Context, v int) (iter.Seq[int], error) {
				return slices.Values(make([]int, v%3)), first(ctx)
			})
		},
		Out: make([]int, 6),
	})
	run("OnError", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return stages.OnError(func(ctx context.Context, e *stages.ItemError) (int, error) { return -1, first(ctx) })
		},
		Out: one2five,
	})
	run("DeadLetter", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] {
			return stages.DeadLetter[int](func(ctx context.Context, _ *stages.ItemError) error { return first(ctx) })
		},
		Out: one2five,
	})
	run("Deadline", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return stages.Deadline[int](time.Hour) },
		Out: one2five,
	})
	run("Remember", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return stages.Remember[int]() },
		Out: one2five,
	})
	calls("MapBatch", func(f func(context.Context, int) (int, error), opts ...stages.Option) stages.Stage[int, int] {
		// Of one item each, since the suite expects a failure for each call.
		return stages.MapBatch(1, time.Minute, func(ctx context.Context, vs []int) (outs []int, err error) {
			for _, v := range vs {
				out, err := f(ctx, v)
				if err != nil {
					return nil, err
				}
				outs = append(outs, out)
			}
			return outs, nil
		}, opts...)
	})
	run("Throttle", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] {
			return stages.Throttle[int](limiter.PerSecond(100, limiter.Burst(3)), nil)
		},
		Out: one2five,
	})
	run("Debounce", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return stages.Debounce[int](time.Second) },
		Out: []int{5},
	})
	run("Delay", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return stages.Delay[int](time.Minute, stages.Capacity(100)) },
		Out: one2five,
	})
	run("DistinctUntilChanged", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] {
			return stages.DistinctUntilChanged(func(v int) int { return v / 2 })
		},
		Out: []int{1, 2, 4},
	})
	for _, policy := range []stages.OverflowPolicy{stages.Block, stages.DropNewest, stages.DropOldest} {
		run("Overflow, "+policy.String(), flowtest.StageCase[int, int]{
			New: func(call) stages.Stage[int, int] { return stages.Overflow[int](64, policy) },
			Out: one2five,
		})
	}
	sum := func(first call) func(context.Context, int, int) (int, error) {
		return func(ctx context.Context, sum, v int) (int, error) { return sum + v, first(ctx) }
	}
	run("Reduce", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] { return stages.Reduce(0, sum(first)) },
		Out: []int{15},
	})
	run("Scan", flowtest.StageCase[int, int]{
		New: func(first call) stages.Stage[int, int] { return stages.Scan(0, sum(first)) },
		Out: []int{1, 3, 6, 10, 15},
	})
	run("Skip", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return stages.Skip[int](2) },
		Out: []int{3, 4, 5},
	})
	run("Take", flowtest.StageCase[int, int]{
		New: func(call) stages.Stage[int, int] { return stages.Take[int](3) },
		Out: []int{1, 2, 3},
	})
	for _, policy := range []stages.WindowPolicy{stages.Tumbling(time.Minute), stages.Sliding(time.Minute, time.Second), stages.Session(time.Second)} {
		t.Run("Window, "+policy.String(), func(t *testing.T) {
			flowtest.TestStage(t, flowtest.StageCase[int, stages.WindowOf[int]]{
				New: func(call) stages.Stage[int, stages.WindowOf[int]] { return stages.Window[int](policy) },
				In:  one2five,
			})
		})
	}
	t.Run("Batch", func(t *testing.T) {
		flowtest.TestStage(t, flowtest.StageCase[int, []int]{
			New: func(call) stages.Stage[int, []int] { return stages.Batch[int](2, time.Minute) },
			In:  one2five, Out: [][]int{{1, 2}, {3, 4}, {5}},
		})
	})
}

func TestOurSources(t *testing.T) {
	run := func(name string, c flowtest.SourceCase[int]) {
		t.Run(name, func(t *testing.T) { flowtest.TestSource(t, c) })
	}
	run("Slice", flowtest.SourceCase[int]{
		New: func() stages.Source[int] { return stages.Slice(one2five) }, Brings: one2five,
	})
	run("Seq", flowtest.SourceCase[int]{
		New: func() stages.Source[int] { return stages.Seq(slices.Values(one2five)) }, Brings: one2five,
	})
	run("Seq without an end", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			return stages.Seq(func(yield func(int) bool) {
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
			return stages.Chan(ch)
		},
		Brings: one2five, Endless: true, // nobody closes it
	})
	var acks int
	run("Acked", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			acks = 0
			rest := one2five
			return stages.Acked(func(context.Context) ([]stages.Delivery[int], error) {
				if len(rest) == 0 {
					return nil, io.EOF
				}
				d := stages.Delivery[int]{Value: rest[0], Ack: func(error) { acks++ }}
				rest = rest[1:]
				return []stages.Delivery[int]{d}, nil
			})
		},
		Brings: one2five, Acks: func() int { return acks },
	})
	var replay *stages.Replay[int]
	run("Replay", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			store := &stages.MemoryLetters[int]{}
			for _, v := range one2five {
				if err := store.Put(t.Context(), &stages.ItemError{Value: v, Err: io.EOF}); err != nil {
					t.Error(err)
				}
			}
			replay = &stages.Replay[int]{Store: store}
			return replay
		},
		Brings: one2five,
		Acks: func() int {
			r := replay.Report()
			return int(r.Done + r.Failed + r.Aborted)
		},
	})
	run("Source", flowtest.SourceCase[int]{
		New: func() stages.Source[int] {
			return flowtest.NewSource[int]().Emit(1, 2).Sleep(time.Second).Emit(3, 4, 5)
		},
		Brings: one2five,
	})
	run("Calls", flowtest.SourceCase[int]{
		New: func() stages.Source[int] { return stages.NewCalls[int, int]().Source() }, Endless: true,
	})
	t.Run("Lines", func(t *testing.T) {
		flowtest.TestSource(t, flowtest.SourceCase[string]{
			New:    func() stages.Source[string] { return stages.Lines(strings.NewReader("a\nb\r\n\nc")) },
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
			return stages.Append(&took)
		},
		Took: func() []int { return took },
	})
	run("ForEach", flowtest.SinkCase[int]{
		New: func(first call) stages.Sink[int] {
			took = nil
			return stages.ForEach(func(ctx context.Context, v int) error {
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
			return stages.ForEachBatch(2, time.Minute, func(ctx context.Context, vs []int) error {
				err := first(ctx)
				if err == nil {
					took = append(took, vs...)
				}
				return err
			})
		},
		Took: func() []int { return took },
	})
	var ch chan int
	run("Into", flowtest.SinkCase[int]{
		New: func(call) stages.Sink[int] {
			ch = make(chan int, 10_000)
			return stages.Into(ch)
		},
		Took: func() (all []int) {
			for v := range ch {
				all = append(all, v)
			}
			return all
		},
	})
	run("Calls", flowtest.SinkCase[int]{
		New: func(call) stages.Sink[int] { return stages.NewCalls[int, int]().Sink() },
	})
	t.Run("WriteLines", func(t *testing.T) {
		var b bytes.Buffer
		flowtest.TestSink(t, flowtest.SinkCase[string]{
			New: func(first call) stages.Sink[string] {
				b.Reset()
				return stages.WriteLines[string](writer{&b, first})
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
	for name, layer := range map[string]func() stages.Layer[int]{
		"Guard": func() stages.Layer[int] { return stages.Guard[int](guard.Limit(4)) },
		"Guard, shared": func() stages.Layer[int] {
			g, err := guard.New(guard.Limit(2))
			if err != nil {
				t.Error(err)
			}
			return stages.Guard[int](g)
		},
		"Guard, shedding": func() stages.Layer[int] { return stages.Guard[int](guard.Limit(2000, guard.Shedding())) },
		"Dedup":           func() stages.Layer[int] { return stages.Dedup(dedup.Window(time.Hour), func(v int) int { return v }) },
		"Dedup, stale": func() stages.Layer[int] {
			return stages.Dedup(dedup.Window(time.Millisecond, dedup.ServeStale(time.Hour)), func(v int) int { return v })
		},
		"Breaker": func() stages.Layer[int] { return stages.Breaker[int](breaker.Consecutive("b", 3, time.Second)) },
		"Breaker, holding": func() stages.Layer[int] {
			return stages.Breaker[int](breaker.Consecutive("b", 3, time.Second), stages.Hold())
		},
		"Retry":     func() stages.Layer[int] { return stages.Retry[int](retry.Exponential(3, 50*time.Millisecond)) },
		"Timeout":   func() stages.Layer[int] { return stages.Timeout[int](time.Hour) },
		"RateLimit": func() stages.Layer[int] { return stages.RateLimit[int](limiter.PerSecond(1000, limiter.Burst(3)), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			flowtest.TestLayer(t, flowtest.LayerCase[int]{New: layer, In: one2five})
		})
	}
}

package stages_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// run joins source, stage and sink by hand, as package flow does for a graph.
func run[I, O any](src stages.Source[I], stage stages.Stage[I, O], sink stages.Sink[O]) error {
	rt := stages.NewRuntime(context.Background(), false, "source", "stage", "sink")
	defer rt.Close()
	n := rt.Nodes()
	out, in := stages.Link[I](rt, n[0], n[1], 256)
	next, last := stages.Link[O](rt, n[1], n[2], 256)
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(src, out) })
	wg.Go(func() { stages.RunStage(stage, in, next) })
	stages.RunSink(sink, last)
	wg.Wait()
	return rt.Err()
}

// show is a sink that prints each value.
func show[T any]() stages.Sink[T] {
	return stages.ForEach(func(_ context.Context, v T) error { fmt.Println(v); return nil })
}

func double(_ context.Context, v int) (int, error) { return 2 * v, nil }

func ExampleMap() {
	parse := func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }
	err := run(stages.Slice([]string{"1", "2", "three"}), stages.Map(parse, stages.Workers(4)), show[int]())
	fmt.Println(err)
	// Output:
	// 1
	// 2
	// stage "stage": strconv.Atoi: parsing "three": invalid syntax
}

func ExampleFilter() {
	even := func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }
	_ = run(stages.Slice([]int{1, 2, 3, 4}), stages.Filter(even), show[int]())
	// Output:
	// 2
	// 4
}

func ExampleFlatMap() {
	words := func(_ context.Context, s string) (iter.Seq[string], error) { return strings.FieldsSeq(s), nil }
	_ = run(stages.Slice([]string{"a low dam", "", "lets through"}), stages.FlatMap(words), show[string]())
	// Output:
	// a
	// low
	// dam
	// lets
	// through
}

func ExampleBatch() {
	_ = run(stages.Slice([]int{1, 2, 3, 4, 5}), stages.Batch[int](2, time.Second), show[[]int]())
	// Output:
	// [1 2]
	// [3 4]
	// [5]
}

func ExampleLift() {
	_ = run(stages.Slice([]string{"weir"}), stages.Map(stages.Lift(strings.ToUpper)), show[string]())
	// Output: WEIR
}

func ExampleSlice() {
	_ = run(stages.Slice([]int{1, 2}), stages.Map(double), show[int]())
	// Output:
	// 2
	// 4
}

func ExampleSeq() {
	_ = run(stages.Seq(slices.Values([]int{1, 2})), stages.Map(double), show[int]())
	// Output:
	// 2
	// 4
}

func ExampleChan() {
	ch := make(chan int)
	go func() {
		defer close(ch)
		ch <- 1
		ch <- 2
	}()
	_ = run(stages.Chan(ch), stages.Map(double), show[int]())
	// Output:
	// 2
	// 4
}

func ExampleLines() {
	r := strings.NewReader("first\nsecond\r\n")
	_ = run(stages.Lines(r), stages.Map(stages.Lift(strings.ToUpper)), show[string]())
	// Output:
	// FIRST
	// SECOND
}

func ExampleWriteLines() {
	_ = run(stages.Slice([]int{1, 2}), stages.Map(stages.Lift(strconv.Itoa)), stages.WriteLines[string](os.Stdout))
	// Output:
	// 1
	// 2
}

func ExampleAppend() {
	var all []int
	err := run(stages.Slice([]int{1, 2}), stages.Map(double), stages.Append(&all))
	fmt.Println(all, err)
	// Output: [2 4] <nil>
}

func ExampleInto() {
	ch := make(chan int)
	go func() { _ = run(stages.Slice([]int{1, 2}), stages.Map(double), stages.Into(ch)) }()
	for v := range ch {
		fmt.Println(v)
	}
	// Output:
	// 2
	// 4
}

func ExampleForEach() {
	full := errors.New("disk full")
	err := run(stages.Slice([]int{1, 2}), stages.Map(double), stages.ForEach(func(_ context.Context, v int) error { return full }))
	fmt.Println(errors.Is(err, full))
	// Output: true
}

func ExampleApply() {
	s := stages.Apply(stages.Workers(8), stages.Unordered(), stages.Name("call"), stages.Buffer(0))
	fmt.Println(s.Workers, s.Unordered, s.Name)
	fmt.Println(s.Validate())
	// Output:
	// 8 true call
	// buffer must be at least 1, not 0
}

// dedupeNeighbours is a stage of one's own: it drops repeated values.
func dedupeNeighbours(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
	last, first := 0, true
	for it := range in.All() {
		if !first && it.Value == last {
			in.Drop(it)
			continue
		}
		last, first = it.Value, false
		out.Send(it)
	}
	return nil
}

func ExampleStageFunc() {
	_ = run(stages.Slice([]int{1, 1, 2, 2, 1}), stages.StageFunc[int, int](dedupeNeighbours), show[int]())
	// Output:
	// 1
	// 2
	// 1
}

func ExampleSourceFunc() {
	countdown := stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
		for i := 3; i > 0 && ctx.Err() == nil; i-- {
			out.Emit(i)
		}
		return nil
	})
	_ = run(countdown, stages.Map(double), show[int]())
	// Output:
	// 6
	// 4
	// 2
}

func ExampleSinkFunc() {
	var b bytes.Buffer
	sink := stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
		for it := range in.All() {
			fmt.Fprint(&b, it.Value, " ")
			in.Done(it)
		}
		return nil
	})
	_ = run(stages.Slice([]int{1, 2}), stages.Map(double), sink)
	fmt.Println(b.String())
	// Output: 2 4
}

// Two stages of one's own: one that makes several items of one, and one that
// fails some.
func ExampleOutlet_Derive() {
	both := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for it := range in.All() {
			if it.Value < 0 {
				in.Fail(it, errors.New("negative"))
				continue
			}
			out.Derive(it, it.Value) // an item beside it
			out.Send(it.With(-it.Value))
		}
		return nil
	})
	fmt.Println(run(stages.Slice([]int{1, -2}), both, show[int]()))
	// Output:
	// 1
	// -1
	// stage "stage": negative
}

func ExampleLedger() {
	l := stages.Ledger{In: 10, Out: 7, Filtered: 2}
	fmt.Println(l.Balance())
	fmt.Println(l.Plus(stages.Ledger{Failed: 1}).Check())
	// Output:
	// 1
	// <nil>
}

func ExamplePanicError() {
	err := run(stages.Slice([]int{0}), stages.Map(stages.Lift(func(v int) int { return 1 / v })), show[int]())
	var p *stages.PanicError
	fmt.Println(errors.As(err, &p), p.Stage, len(p.Stack) > 0)
	fmt.Println(p)
	// Output:
	// true stage true
	// panic in stage "stage": runtime error: integer divide by zero
}

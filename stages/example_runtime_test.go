package stages_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
)

// bench is a run of one stage by hand, for those who test theirs: it returns
// when everything has ended. control is called beside it.
func bench[I, O any](src stages.Source[I], stage stages.Stage[I, O], control func(*stages.Runtime)) (got []O, rt *stages.Runtime) {
	rt = stages.NewRuntime(context.Background(), false, "source", "stage", "sink")
	defer rt.Close()
	n := rt.Nodes()
	out, in := stages.Link[I](rt, n[0], n[1], 8)
	next, last := stages.Link[O](rt, n[1], n[2], 8)
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(src, out) })
	wg.Go(func() { stages.RunStage(stage, in, next) })
	wg.Go(func() { stages.RunSink(stages.Append(&got), last) })
	if control != nil {
		control(rt)
	}
	wg.Wait()
	return got, rt
}

// endless is a source that has always more.
var endless = stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
	for i := 0; ctx.Err() == nil; i++ {
		out.Emit(i)
		time.Sleep(time.Millisecond)
	}
	return nil
})

// The smallest run there is: a source and a sink with an edge between.
func ExampleNewRuntime() {
	rt := stages.NewRuntime(context.Background(), false, "numbers", "list")
	defer rt.Close()
	out, in := stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 16)
	var all []int
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(stages.Slice([]int{1, 2, 3}), out) })
	wg.Go(func() { stages.RunSink(stages.Append(&all), in) })
	wg.Wait()
	fmt.Println(all, rt.Err())
	// Output: [1 2 3] <nil>
}

// Link gives both ends of an edge that holds so many items.
func ExampleLink() {
	rt := stages.NewRuntime(context.Background(), false, "from", "to")
	defer rt.Close()
	out, in := stages.Link[string](rt, rt.Nodes()[0], rt.Nodes()[1], 2)
	out.Emit("one")
	out.Emit("two") // a third would wait for room
	it, _ := in.Next()
	fmt.Println(it.Value)
	in.Done(it)
	// Output: one
}

func ExampleRunSource() {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	out, in := stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	stages.RunSource(stages.Slice([]int{1, 2}), out) // they fit, so it returns
	for it := range in.All() {
		fmt.Println(it.Value)
		in.Done(it)
	}
	// Output:
	// 1
	// 2
}

// A stage that panics does not end the process, nor lose what it was given.
func ExampleRunStage() {
	broken := stages.StageFunc[int, int](func(context.Context, *stages.Inlet[int], *stages.Outlet[int]) error {
		panic("a bug")
	})
	_, rt := bench(stages.Slice([]int{1, 2}), broken, nil)
	var p *stages.PanicError
	fmt.Println(errors.As(rt.Err(), &p), p)
	fmt.Println(rt.Nodes()[1].Ledger().Check())
	// Output:
	// true panic in stage "stage": a bug
	// <nil>
}

func ExampleRunSink() {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	out, in := stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	go stages.RunSource(stages.Slice([]int{1, 2}), out)
	stages.RunSink(show[int](), in) // returns at the end of the stream
	// Output:
	// 1
	// 2
}

func ExampleRuntime_Nodes() {
	_, rt := bench(stages.Slice([]int{1, 2, 3}), stages.Map(double), nil)
	for _, n := range rt.Nodes() {
		fmt.Println(n.Name(), n.Ledger().Out)
	}
	// Output:
	// source 3
	// stage 3
	// sink 3
}

// Stop ends the intake, and what is inside is finished.
func ExampleRuntime_Stop() {
	got, rt := bench(endless, stages.Map(double), func(rt *stages.Runtime) {
		time.Sleep(5 * time.Millisecond)
		rt.Stop()
	})
	fmt.Println(int64(len(got)) == rt.Nodes()[0].Ledger().Out, rt.Err())
	// Output: true <nil>
}

func ExampleRuntime_Stopped() {
	_, _ = bench(endless, stages.Map(double), func(rt *stages.Runtime) {
		time.AfterFunc(time.Millisecond, rt.Stop)
		<-rt.Stopped()
		fmt.Println("it drains now")
	})
	// Output: it drains now
}

// Abort ends everything: what is inside fails, and is accounted for.
func ExampleRuntime_Abort() {
	begun := make(chan bool, 1)
	hang := stages.Map(func(ctx context.Context, v int) (int, error) {
		begun <- true
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	_, rt := bench(endless, hang, func(rt *stages.Runtime) {
		<-begun
		rt.Abort(errors.New("no time left"))
	})
	l := rt.Nodes()[1].Ledger()
	fmt.Println(l.Out, l.Failed > 0, l.Check())
	// Output: 0 true <nil>
}

func ExampleRuntime_Context() {
	rt := stages.NewRuntime(context.Background(), false, "a")
	defer rt.Close()
	rt.Abort(errors.New("enough"))
	<-rt.Context().Done()
	fmt.Println(context.Cause(rt.Context()))
	// Output: enough
}

func ExampleRuntime_Close() {
	rt := stages.NewRuntime(context.Background(), true, "a")
	rt.Close() // when all that was started on it has returned
	fmt.Println(rt.Context().Err())
	// Output: context canceled
}

func ExampleRuntime_Err() {
	_, rt := bench(stages.Slice([]float64{0, 0}), reciprocals, nil)
	fmt.Println(rt.Err())
	// Output: stage "stage": division by zero (and 1 more failed items)
}

// The edge that is full leads to the stage that all others wait for.
func ExampleRuntime_Edges() {
	slow := make(chan bool)
	_, _ = bench(stages.Slice(make([]int, 100)), stages.Map(func(_ context.Context, v int) (int, error) {
		<-slow
		return v, nil
	}), func(rt *stages.Runtime) {
		for rt.Edges()[0].Depth < 8 {
			time.Sleep(time.Millisecond)
		}
		for _, e := range rt.Edges() {
			fmt.Println(e.From, "to", e.To, e.Depth, "of", e.Bound)
		}
		close(slow)
	})
	// Output:
	// source to stage 8 of 8
	// stage to sink 0 of 8
}

func ExampleNode_Name() {
	rt := stages.NewRuntime(context.Background(), false, "parse", "store")
	defer rt.Close()
	fmt.Println(rt.Nodes()[1].Name())
	// Output: store
}

func ExampleNode_Ledger() {
	odd := stages.Filter(func(_ context.Context, v int) (bool, error) { return v%2 == 1, nil })
	_, rt := bench(stages.Slice([]int{1, 2, 3}), odd, nil)
	l := rt.Nodes()[1].Ledger()
	fmt.Println(l.In, "=", l.Out, "+", l.Filtered)
	// Output: 3 = 2 + 1
}

func ExampleNode_Effort() {
	slow := stages.Map(func(_ context.Context, v int) (int, error) { time.Sleep(time.Millisecond); return v, nil })
	_, rt := bench(stages.Slice([]int{1, 2, 3}), slow, nil)
	e := rt.Nodes()[1].Effort()
	fmt.Println(e.Attempts, e.Work >= 3*time.Millisecond, e.Longest >= time.Millisecond)
	// Output: 3 true true
}

func ExampleNode_Layers() {
	calls := stages.Section([]stages.Layer[int]{stages.Guard[int](guard.Limit(4, guard.Name("api")))}, double)
	_, rt := bench(stages.Slice([]int{1, 2, 3}), calls, nil)
	for _, l := range rt.Nodes()[1].Layers() {
		s := l.(guard.Snapshot)
		fmt.Println(s.Name, s.Admitted, "admitted")
	}
	// Output: api 3 admitted
}

// A layer that is an Observer shows itself, here how many it kept for a while.
func ExampleObserver() {
	calls := stages.Section([]stages.Layer[int]{pause{time.Millisecond}}, double)
	_, rt := bench(stages.Slice([]int{1, 2, 3}), calls, nil)
	fmt.Println(rt.Nodes()[1].Layers()[0])
	// Output:
	// closed
	// paused 3
}

// A stage's workers are known before it runs, and can be changed from then on.
func ExampleNode_Begin() {
	rt := stages.NewRuntime(context.Background(), false, "stage")
	defer rt.Close()
	n := rt.Nodes()[0]
	n.Begin(stages.Map(double, stages.Workers(4)).(stages.Staffed))
	fmt.Println(n.Workers())
	// Output: 4
}

func ExampleNode_SetWorkers() {
	rt := stages.NewRuntime(context.Background(), false, "source", "stage")
	defer rt.Close()
	n := rt.Nodes()
	n[1].Begin(stages.Map(double).(stages.Staffed))
	fmt.Println(n[1].SetWorkers(8), n[1].Workers())
	fmt.Println(n[1].SetWorkers(0))
	fmt.Println(n[0].SetWorkers(8))
	// Output:
	// <nil> 8
	// stage "stage": workers must be at least 1, not 0
	// stage "source": it has no workers that can be set
}

func ExampleNode_Workers() {
	_, rt := bench(stages.Slice([]int{1}), stages.Map(double, stages.Workers(3)), nil)
	fmt.Println(rt.Nodes()[1].Workers(), rt.Nodes()[0].Workers())
	// Output: 3 0
}

// A source that is paused waits with its next value.
func ExampleNode_Pause() {
	rt := stages.NewRuntime(context.Background(), false, "source", "stage")
	defer rt.Close()
	out, in := stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	source := rt.Nodes()[0]
	_ = source.Pause()
	go stages.RunSource(stages.Slice([]int{1, 2}), out)
	time.Sleep(5 * time.Millisecond)
	fmt.Println("brought:", source.Ledger().Out)
	source.Resume()
	for it := range in.All() {
		fmt.Println(it.Value)
		in.Done(it)
	}
	// Output:
	// brought: 0
	// 1
	// 2
}

func ExampleNode_Resume() {
	rt := stages.NewRuntime(context.Background(), false, "source")
	defer rt.Close()
	source := rt.Nodes()[0]
	_ = source.Pause()
	source.Resume()
	fmt.Println(source.Paused())
	// Output: false
}

func ExampleNode_Paused() {
	rt := stages.NewRuntime(context.Background(), false, "source", "stage")
	defer rt.Close()
	_, _ = stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	for _, n := range slices.Backward(rt.Nodes()) {
		fmt.Println(n.Pause(), n.Paused())
	}
	// Output:
	// stage "stage": only a source can be paused false
	// <nil> true
}

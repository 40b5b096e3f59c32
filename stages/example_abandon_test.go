package stages_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// deaf is a function that hears nothing of its context, until it is released.
type deaf struct{ begun, release chan bool }

func newDeaf() deaf { return deaf{make(chan bool), make(chan bool)} }

func (d deaf) call(context.Context, int) error {
	d.begun <- true
	<-d.release
	return nil
}

// left runs the function in a run that is aborted, and ends without it. at sees
// its node before and after.
func (d deaf) left(at func(*stages.Node)) {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	rt.Detach()
	n := rt.Nodes()
	out, in := stages.Link[int](rt, n[0], n[1], 8)
	stages.RunSource(stages.Slice([]int{1}), out)
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSink(stages.ForEach(d.call), in) })
	<-d.begun
	at(n[1])
	rt.Abort(errors.New("no time left"))
	rt.Abandon()
	wg.Wait()
	at(n[1])
}

// The run ends without the function, and its item has failed.
func ExampleRuntime_Abandon() {
	d := newDeaf()
	d.left(func(n *stages.Node) { fmt.Println("failed:", n.Ledger().Failed) })
	close(d.release)
	// Output:
	// failed: 0
	// failed: 1
}

// Without Detach, which comes first, nothing could be left behind.
func ExampleRuntime_Detach() {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	rt.Detach()
	out, in := stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	stages.RunSource(stages.Slice([]int{1, 2}), out)
	stages.RunSink(show[int](), in)
	fmt.Println(rt.Nodes()[1].Left())
	// Output:
	// 1
	// 2
	// 0 false
}

// A sink that waits for something else than its items, and takes none.
func ExampleRuntime_AbandonStuck() {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	rt.Detach()
	out, in := stages.Link[int](rt, rt.Nodes()[0], rt.Nodes()[1], 8)
	stages.RunSource(stages.Slice([]int{1, 2}), out)
	begun, release := make(chan bool), make(chan bool)
	var wg conc.WaitGroup
	wg.Go(func() {
		stages.RunSink(stages.SinkFunc[int](func(context.Context, *stages.Inlet[int]) error {
			begun <- true
			<-release
			return nil
		}), in)
	})
	<-begun
	rt.Abort(errors.New("no time left"))
	for sink := rt.Nodes()[1]; !sink.Ended(); {
		rt.AbandonStuck()
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	fmt.Println(rt.Nodes()[1].Left())
	close(release)
	// Output: 0 true
}

// Function and Calls name who keeps a run from ending.
func ExampleNode_Function() {
	_, rt := bench(stages.Slice([]int{1, 2}), stages.Map(double), nil)
	fmt.Println(path.Base(rt.Nodes()[1].Function()))
	// Output: stages_test.double
}

func ExampleNode_Calls() {
	d := newDeaf()
	d.left(func(n *stages.Node) { fmt.Println(n.Calls(), n.Ended()) })
	close(d.release)
	// Output:
	// 1 false
	// 0 true
}

func ExampleNode_Ended() {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	source, sink := rt.Nodes()[0], rt.Nodes()[1]
	out, _ := stages.Link[int](rt, source, sink, 8)
	stages.RunSource(stages.Slice([]int{1, 2}), out)
	fmt.Println(source.Ended(), sink.Ended())
	// Output: true false
}

func ExampleNode_Left() {
	d := newDeaf()
	d.left(func(n *stages.Node) { fmt.Println(n.Left()) })
	close(d.release)
	// Output:
	// 0 false
	// 1 false
}

// A source with more than the edge holds waits for the stage below.
func ExampleNode_Blocked() {
	rt := stages.NewRuntime(context.Background(), false, "source", "sink")
	defer rt.Close()
	source := rt.Nodes()[0]
	out, in := stages.Link[int](rt, source, rt.Nodes()[1], 2)
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(stages.Slice(make([]int, 100)), out) })
	for !source.Blocked() {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(source.Ledger().Out < 100)
	var all []int
	stages.RunSink(stages.Append(&all), in)
	wg.Wait()
	fmt.Println(source.Blocked(), len(all))
	// Output:
	// true
	// false 100
}

// The second inlet brings nothing before the first is through, and the edge
// holds only two: a Zip that took one of each in turn would wait for good.
func ExampleNode_Entangle() {
	rt := stages.NewRuntime(context.Background(), false, "first", "second", "zip", "screen")
	defer rt.Close()
	n := rt.Nodes()
	fromFirst, first := stages.Link[int](rt, n[0], n[2], 2)
	fromSecond, second := stages.Link[string](rt, n[1], n[2], 2)
	out, end := stages.Link[string](rt, n[2], n[3], 8)
	n[2].Entangle()
	var wg conc.WaitGroup
	wg.Go(func() {
		stages.RunPairing(stages.Zip(func(a int, b string) string { return fmt.Sprint(a, b) }), first, second, out)
	})
	stages.RunSource(stages.Slice([]int{1, 2, 3, 4, 5}), fromFirst)
	stages.RunSource(stages.Slice([]string{"a", "b", "c", "d", "e"}), fromSecond)
	stages.RunSink(show[string](), end)
	wg.Wait()
	// Output:
	// 1a
	// 2b
	// 3c
	// 4d
	// 5e
}

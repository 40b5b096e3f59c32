package stages_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// fanOut runs a stage with n outlets by hand, and returns what left by each. An
// edge holds all there is, so that one can be done after the other.
func fanOut[T any](values []T, n int, stage stages.FanOut[T]) [][]T {
	rt := stages.NewRuntime(context.Background(), false, append([]string{"source", "stage"}, branchNames[:n]...)...)
	defer rt.Close()
	nodes, left := rt.Nodes(), make([][]T, n)
	from, in := stages.Link[T](rt, nodes[0], nodes[1], 256)
	var outs []*stages.Outlet[T]
	var ends []*stages.Inlet[T]
	for _, node := range nodes[2:] {
		out, end := stages.Link[T](rt, nodes[1], node, 256)
		outs, ends = append(outs, out), append(ends, end)
	}
	stages.RunSource(stages.Slice(values), from)
	stages.RunFanOut(stage, in, outs)
	for i, end := range ends {
		stages.RunSink(stages.Append(&left[i]), end)
	}
	return left
}

// fanIn runs a stage with an inlet for each of the streams by hand, and returns
// what came out.
func fanIn[T any](stage stages.FanIn[T, T], streams ...[]T) (got []T) {
	rt := stages.NewRuntime(context.Background(), false, append([]string{"sink", "stage"}, branchNames[:len(streams)]...)...)
	defer rt.Close()
	nodes := rt.Nodes()
	out, end := stages.Link[T](rt, nodes[1], nodes[0], 256)
	var ins []*stages.Inlet[T]
	for i, values := range streams {
		from, in := stages.Link[T](rt, nodes[2+i], nodes[1], 256)
		stages.RunSource(stages.Slice(values), from)
		ins = append(ins, in)
	}
	stages.RunFanIn(stage, ins, out)
	stages.RunSink(stages.Append(&got), end)
	return got
}

var branchNames = []string{"first", "second", "third"}

// paired runs a stage with two inlets by hand, and returns what came out.
func paired[A, B, O any](stage stages.Pairing[A, B, O], as []A, bs []B) (got []O) {
	rt := stages.NewRuntime(context.Background(), false, "a", "b", "stage", "sink")
	defer rt.Close()
	nodes := rt.Nodes()
	fromA, a := stages.Link[A](rt, nodes[0], nodes[2], 256)
	fromB, b := stages.Link[B](rt, nodes[1], nodes[2], 256)
	out, end := stages.Link[O](rt, nodes[2], nodes[3], 256)
	stages.RunSource(stages.Slice(as), fromA)
	stages.RunSource(stages.Slice(bs), fromB)
	stages.RunPairing(stage, a, b, out)
	stages.RunSink(stages.Append(&got), end)
	return got
}

// order is what a shop sends out.
type order struct {
	id      int
	country string
}

// Each event goes to the archive and to the alarm.
func ExampleBroadcast() {
	left := fanOut([]string{"login", "logout"}, 2, stages.Broadcast[string]())
	fmt.Println("archive:", left[0])
	fmt.Println("alarm:", left[1])
	// Output:
	// archive: [login logout]
	// alarm: [login logout]
}

// Two presses of one print shop. As long as none has printed anything, each gets
// every second job.
func ExampleBalance() {
	left := fanOut([]string{"poster", "flyer", "menu", "ticket"}, 2, stages.Balance[string]())
	fmt.Println(left[0], left[1])
	// Output: [poster menu] [flyer ticket]
}

// Orders from abroad need a customs form, and go their own way.
func ExamplePartition() {
	abroad := func(o order) int {
		if o.country == "NO" {
			return 0
		}
		return 1
	}
	left := fanOut([]order{{1, "NO"}, {2, "SE"}, {3, "NO"}}, 2, stages.Partition(abroad))
	fmt.Println("home:", left[0])
	fmt.Println("abroad:", left[1])
	// Output:
	// home: [{1 NO} {3 NO}]
	// abroad: [{2 SE}]
}

// All orders of a country meet in one of three lanes, whichever that is.
func ExampleByKey() {
	lane := stages.ByKey(3, func(o order) string { return o.country })
	first := lane(order{1, "NO"})
	fmt.Println(first >= 0 && first < 3, lane(order{2, "NO"}) == first, lane(order{3, "NO"}) == first)
	// Output: true true true
}

// Two shops report their sales, in an order that nobody can tell.
func ExampleMerge() {
	sales := fanIn(stages.Merge[string](), []string{"oslo 1", "oslo 2"}, []string{"bergen 1"})
	slices.Sort(sales)
	fmt.Println(sales)
	// Output: [bergen 1 oslo 1 oslo 2]
}

// A consumer that catches up: first what is in the archive, then what is live.
func ExampleConcat() {
	fmt.Println(fanIn(stages.Concat[int](), []int{1, 2, 3}, []int{4, 5}))
	// Output: [1 2 3 4 5]
}

// Questions and their answers, which are in the same order. The one without an
// answer is dropped.
func ExampleZip() {
	faq := stages.Zip(func(question, answer string) string { return question + " " + answer })
	fmt.Println(paired(faq, []string{"Why?", "How?", "When?"}, []string{"Because.", "Slowly."}))
	// Output: [Why? Because. How? Slowly.]
}

// Payments find their order when they come within an hour of it.
func ExampleJoin() {
	type payment struct{ order, amount int }
	match := stages.Join(time.Hour,
		func(o order) int { return o.id },
		func(p payment) int { return p.order },
		func(o order, p payment) string { return fmt.Sprintf("%d from %s", p.amount, o.country) })
	fmt.Println(paired(match, []order{{7, "SE"}, {8, "NO"}}, []payment{{7, 100}, {9, 1}, {7, 50}}))
	// Output: [100 from SE 50 from SE]
}

// journal is a stage of one's own with two inlets: it writes down both as they
// come.
type journal struct{}

func (journal) Run(_ context.Context, readings *stages.Inlet[float64], notes *stages.Inlet[string], out *stages.Outlet[string]) error {
	for {
		reading, note, side := stages.Either(readings, notes, nil)
		switch side {
		case stages.Left:
			out.Send(reading.With(fmt.Sprintf("%.1f degrees", reading.Value)))
		case stages.Right:
			out.Send(note.With("note: " + note.Value))
		case stages.Neither: // both have ended
			return nil
		}
	}
}

func ExampleEither() {
	for _, line := range paired(journal{}, []float64{20.5, 21}, []string{"window open"}) {
		fmt.Println(line)
	}
	// Unordered output:
	// 20.5 degrees
	// 21.0 degrees
	// note: window open
}

func ExampleRunFanOut() {
	rt := stages.NewRuntime(context.Background(), false, "numbers", "parity", "even", "odd")
	defer rt.Close()
	n := rt.Nodes()
	from, in := stages.Link[int](rt, n[0], n[1], 16)
	evenOut, even := stages.Link[int](rt, n[1], n[2], 16)
	oddOut, odd := stages.Link[int](rt, n[1], n[3], 16)

	var evens, odds []int
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(stages.Slice([]int{1, 2, 3, 4}), from) })
	wg.Go(func() {
		stages.RunFanOut(stages.Partition(func(v int) int { return v % 2 }), in, []*stages.Outlet[int]{evenOut, oddOut})
	})
	wg.Go(func() { stages.RunSink(stages.Append(&evens), even) })
	wg.Go(func() { stages.RunSink(stages.Append(&odds), odd) })
	wg.Wait()
	fmt.Println(evens, odds, rt.Err())
	// Output: [2 4] [1 3] <nil>
}

func ExampleRunFanIn() {
	rt := stages.NewRuntime(context.Background(), false, "old", "new", "concat", "list")
	defer rt.Close()
	n := rt.Nodes()
	oldFrom, old := stages.Link[string](rt, n[0], n[2], 16)
	newFrom, latest := stages.Link[string](rt, n[1], n[2], 16)
	out, end := stages.Link[string](rt, n[2], n[3], 16)

	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(stages.Slice([]string{"c"}), newFrom) })
	wg.Go(func() { stages.RunSource(stages.Lines(strings.NewReader("a\nb")), oldFrom) })
	wg.Go(func() { stages.RunFanIn(stages.Concat[string](), []*stages.Inlet[string]{old, latest}, out) })
	stages.RunSink(show[string](), end)
	wg.Wait()
	fmt.Println(rt.Err())
	// Output:
	// a
	// b
	// c
	// <nil>
}

func ExampleRunPairing() {
	rt := stages.NewRuntime(context.Background(), false, "names", "ages", "zip", "screen")
	defer rt.Close()
	n := rt.Nodes()
	nameFrom, names := stages.Link[string](rt, n[0], n[2], 16)
	ageFrom, ages := stages.Link[int](rt, n[1], n[2], 16)
	out, end := stages.Link[string](rt, n[2], n[3], 16)

	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(stages.Slice([]string{"ann", "bob"}), nameFrom) })
	wg.Go(func() { stages.RunSource(stages.Slice([]int{40, 41}), ageFrom) })
	wg.Go(func() {
		stages.RunPairing(stages.Zip(func(name string, age int) string { return fmt.Sprint(name, " is ", age) }), names, ages, out)
	})
	stages.RunSink(show[string](), end)
	wg.Wait()
	fmt.Println(rt.Err())
	// Output:
	// ann is 40
	// bob is 41
	// <nil>
}

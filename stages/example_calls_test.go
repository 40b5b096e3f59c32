package stages_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// serve answers the calls with a stage until it is told to stop.
func serve[I, O any](calls *stages.Calls[I, O], stage stages.Stage[I, O]) (stop func()) {
	rt := stages.NewRuntime(context.Background(), false, "calls", "stage", "results")
	n := rt.Nodes()
	out, in := stages.Link[I](rt, n[0], n[1], 16)
	next, last := stages.Link[O](rt, n[1], n[2], 16)
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(calls.Source(), out) })
	wg.Go(func() { stages.RunStage(stage, in, next) })
	wg.Go(func() { stages.RunSink(calls.Sink(), last) })
	return func() {
		rt.Stop()
		wg.Wait()
		rt.Close()
	}
}

// A stage becomes a function: package flow does this for a whole flow.
func ExampleNewCalls() {
	calls := stages.NewCalls[int, int]()
	stop := serve(calls, stages.Map(double))
	defer stop()
	answer, _, err := calls.Do(context.Background(), 21)
	fmt.Println(answer, err)
	// Output: 42 <nil>
}

// Each caller hears of his own item: a failure is an error of the call that it
// belongs to, and stops nothing.
func ExampleCalls_Do() {
	calls := stages.NewCalls[string, int]()
	stop := serve(calls, stages.Map(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }))
	defer stop()
	for _, text := range []string{"1", "two", "3"} {
		number, _, err := calls.Do(context.Background(), text)
		fmt.Println(number, err)
	}
	// Output:
	// 1 <nil>
	// 0 stage "stage": strconv.Atoi: parsing "two": invalid syntax
	// 3 <nil>
}

// When the source has ended nobody is left to take a call.
func ExampleCalls_Source() {
	calls := stages.NewCalls[int, int]()
	stop := serve(calls, stages.Map(double))
	stop()
	_, _, err := calls.Do(context.Background(), 1)
	fmt.Println(errors.Is(err, stages.ErrStopped))
	// Output: true
}

// What does not reach the sink has no result, which the caller is told.
func ExampleCalls_Sink() {
	calls := stages.NewCalls[int, int]()
	stop := serve(calls, stages.Filter(func(_ context.Context, v int) (bool, error) { return v > 0, nil }))
	defer stop()
	v, _, err := calls.Do(context.Background(), 7)
	fmt.Println(v, err)
	_, _, err = calls.Do(context.Background(), -7)
	fmt.Println(errors.Is(err, stages.ErrNoResult))
	// Output:
	// 7 <nil>
	// true
}

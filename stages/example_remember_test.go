package stages_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// A failure tells what the item was when it entered the flow.
func ExampleRemember() {
	rt := stages.NewRuntime(context.Background(), false, "source", "remember", "measure", "check", "sink")
	defer rt.Close()
	n := rt.Nodes()
	out0, in0 := stages.Link[string](rt, n[0], n[1], 256)
	out1, in1 := stages.Link[string](rt, n[1], n[2], 256)
	out2, in2 := stages.Link[int](rt, n[2], n[3], 256)
	out3, in3 := stages.Link[int](rt, n[3], n[4], 256)
	long := func(_ context.Context, v int) (bool, error) {
		if v < 2 {
			return false, errors.New("too short")
		}
		return true, nil
	}
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(stages.Slice([]string{"x"}), out0) })
	wg.Go(func() { stages.RunStage(stages.Remember[string](), in0, out1) })
	wg.Go(func() { stages.RunStage(stages.Map(stages.Lift(func(s string) int { return len(s) })), in1, out2) })
	wg.Go(func() { stages.RunStage(stages.Filter(long), in2, out3) })
	stages.RunSink(show[int](), in3)
	wg.Wait()

	var failed *stages.ItemError
	errors.As(rt.Err(), &failed)
	fmt.Printf("%v, got %v, which came as %q\n", failed, failed.Value, failed.Origin)
	// Output: stage "check": too short, got 1, which came as "x"
}

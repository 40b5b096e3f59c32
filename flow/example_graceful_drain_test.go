package flow_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// A worker that is asked to stop takes no more work, and finishes what it has. In a
// program, interrupted is the Done channel of a signal.NotifyContext.
func ExampleStopWhen() {
	interrupted := make(chan struct{})
	jobs := make(chan int)
	go func() {
		for i := range 3 {
			jobs <- i
		}
		close(interrupted)
	}()
	report, err := flow.From(source.Chan(jobs)).Map("work", double).
		ForEach(ctx, print[int], flow.StopWhen(interrupted), flow.DrainTimeout(10*time.Second))
	fmt.Println(report.Check(), err)
	// Output:
	// 0
	// 2
	// 4
	// <nil> <nil>
}

func ExampleRun_Abort() {
	jobs := make(chan int)
	run, err := flow.From(source.Chan(jobs)).To(sink.ForEach(print[int])).Start(ctx)
	if err != nil {
		return
	}
	run.Abort(errors.New("the operator had enough"))
	report, err := run.Wait()
	fmt.Println(report.Check(), err)
	// Output: <nil> the operator had enough
}

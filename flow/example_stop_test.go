package flow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// A worker that is asked to end, here by itself, finishes the items that it has
// taken.
func ExampleStopOnSignal() {
	jobs := make(chan int)
	run, err := flow.From(source.Chan(jobs)).Map("work", double).To(sink.ForEach(print[int])).
		Start(context.Background(), flow.StopOnSignal(os.Interrupt), flow.DrainTimeout(20*time.Second))
	if err != nil {
		panic(err)
	}
	jobs <- 21
	self, _ := os.FindProcess(os.Getpid())
	_ = self.Signal(os.Interrupt)
	report, err := run.Wait()
	fmt.Println(report.Check(), err)
	// Output:
	// 42
	// <nil> <nil>
}

// A function that ignores its context does not keep the run from ending.
func ExampleAbandonAfter() {
	forever := make(chan struct{})
	defer close(forever)
	began := make(chan struct{})
	run, err := flow.From(source.Slice([]int{1})).
		Map("deaf", func(_ context.Context, v int) (int, error) {
			close(began)
			<-forever
			return v, nil
		}).
		To(sink.ForEach(print[int])).
		Start(context.Background(), flow.AbandonAfter(10*time.Millisecond))
	if err != nil {
		panic(err)
	}
	<-began
	run.Abort(errors.New("it is late"))
	report, err := run.Wait()
	var left *flow.AbandonedError
	fmt.Println(errors.As(err, &left), left.Err)
	fmt.Println(report.Busy[0].Stage, report.Busy[0].Calls, report.Check())
	// Output:
	// true it is late
	// deaf 1 <nil>
}

// The error of a drain that takes too long names the busy stages and their
// functions.
func ExampleDrainError() {
	graph, inside := stuck()
	run, err := graph.Start(context.Background(), flow.DrainTimeout(time.Millisecond))
	if err != nil {
		panic(err)
	}
	<-inside
	run.Stop()
	_, err = run.Wait()
	var late *flow.DrainError
	if errors.As(err, &late) { // its text also has the name of the function
		fmt.Println(late.Timeout, late.Busy[0].Stage, late.Busy[0].Calls, late.Busy[0].Items)
	}
	// Output: 1ms hang 1 1
}

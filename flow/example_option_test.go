package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// Four items are worked on at the same time, and leave in the order they came.
func ExampleWorkers() {
	fmt.Println(prompts("1", "2", "3", "4").Map("parse", parse, stages.Workers(4)).Collect(context.Background()))
	// Output: [1 2 3 4] <nil>
}

// The first item waits until the second has left, which only works unordered.
func ExampleUnordered() {
	second := make(chan struct{})
	for r := range prompts("1", "2").Map("parse", func(ctx context.Context, s string) (int, error) {
		if s == "1" {
			<-second
		}
		return parse(ctx, s)
	}, stages.Workers(2), stages.Unordered()).Results(context.Background()) {
		fmt.Println(r.Value)
		if r.Value == 2 {
			close(second)
		}
	}
	// Output:
	// 2
	// 1
}

// At most two items are between the source and the stage.
func ExampleBuffer() {
	fmt.Println(prompts("1", "2", "3").Map("parse", parse, stages.Buffer(2)).Collect(context.Background()))
	// Output: [1 2 3] <nil>
}

func ExampleName() {
	report, err := flow.From(source.Slice([]int{1}), stages.Name("numbers")).
		To(sink.ForEach(print[int]), stages.Name("screen")).
		Run(context.Background())
	fmt.Println(report.Stages[0].Name, report.Stages[1].Name, err)
	// Output:
	// 1
	// numbers screen <nil>
}

// The first call fails and opens the breaker. Its retry, and all items behind
// it, wait in the breaker for the service to recover; none is rejected.
func ExampleHold() {
	model := service{fails: 1}
	fmt.Println(prompts("a", "b", "c").
		Retry(retry.Constant(3, time.Millisecond)).
		Breaker(breaker.Consecutive("model", 1, 5*time.Millisecond), stages.Hold()).
		Map("answer", model.answer).Collect(context.Background()))
	// Output: [A B C] <nil>
}

// An item that would have to wait an hour fails instead when the flow is stopped.
func ExampleOnDrain() {
	stop := make(chan struct{})
	busy := func(context.Context, string) (string, error) {
		defer func() { time.AfterFunc(10*time.Millisecond, func() { close(stop) }) }()
		return "", errors.New("busy")
	}
	results := prompts("a").
		Retry(retry.Constant(3, time.Hour, retry.Cap(time.Hour)), stages.OnDrain(stages.DrainFail)).
		Map("answer", busy).Results(context.Background(), flow.StopWhen(stop))
	for r := range results {
		fmt.Println(errors.Is(r.Err, stages.ErrDrained))
	}
	// Output: true
}

func ExampleUntimed() {
	for r := range prompts("1").Map("parse", parse).Results(context.Background(), flow.Untimed()) {
		fmt.Println(r.Value, r.Timings.Len())
	}
	// Output: 1 0
}

func ExampleReport_Check() {
	var report flow.Report
	for range prompts("1", "two").Map("parse", parse).Results(context.Background(), flow.ReportTo(&report)) {
	}
	fmt.Println(report.Check())
	report.Ledger.Failed-- // an item that is not accounted for
	fmt.Println(report.Check() != nil)
	// Output:
	// <nil>
	// true
}

func ExampleReport_Stage() {
	var report flow.Report
	for range prompts("1", "two", "3").Map("parse", parse).Results(context.Background(), flow.ReportTo(&report)) {
	}
	parse, ok := report.Stage("parse")
	fmt.Println(ok, parse.Ledger.In, parse.Ledger.Out, parse.Ledger.Failed)
	// Output: true 3 2 1
}

func ExampleReport_String() {
	graph := flow.From(source.Seq(slices.Values([]string{"1", "2"}))).
		Map("parse", parse).
		To(sink.ForEach(func(context.Context, int) error { return nil }))
	report, err := graph.Run(context.Background(), flow.Untimed()) // so that it prints the same each time
	if err != nil {
		panic(err)
	}
	fmt.Println(report)
	// Output:
	// stage  in  out  failed  other  calls  mean wait  mean work  longest
	//   source   2    2       0      0      0         0s         0s       0s
	//    parse   2    2       0      0      2         0s         0s       0s
	//     sink   2    2       0      0      2         0s         0s       0s
	// in 2 + derived 0 + recovered 0 = out 2 + folded 0 + filtered 0 + failed 0 + shed 0 + expired 0 + dead-lettered 0 + handed back 0
}

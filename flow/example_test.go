package flow_test

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

var ctx = context.Background()

func atoi(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }

func double(_ context.Context, v int) (int, error) { return 2 * v, nil }

func print[T any](_ context.Context, v T) error { fmt.Println(v); return nil }

func Example() {
	prompts := []string{"Why?", "How?", "Why?"}
	answer := func(_ context.Context, prompt string) (string, error) { return prompt + " Because.", nil }
	report, err := flow.From(source.Slice(prompts)).
		Guard(guard.Limit(64)).
		Dedup(dedup.Window(time.Minute), strings.Clone).
		Breaker(breaker.Consecutive("model", 5, 10*time.Second)).
		Retry(retry.Exponential(3, 50*time.Millisecond)).
		Map("answer", answer, stages.Workers(16)).
		Batch(100, time.Second).
		To(sink.ForEach(print[[]string])).
		Run(ctx)
	fmt.Println(report.Ledger.In, report.Check(), err)
	// Output:
	// [Why? Because. How? Because. Why? Because.]
	// 3 <nil> <nil>
}

func ExampleFrom() {
	got, err := flow.From(source.Slice([]string{"1", "2"})).Map("parse", atoi).Collect(ctx)
	fmt.Println(got, err)
	// Output: [1 2] <nil>
}

func ExampleNew() {
	g := flow.New()
	g.From(source.Slice([]int{1}), stages.Name("a")).To(sink.ForEach(print[int]), stages.Name("print a"))
	g.From(source.Slice([]int{2}), stages.Name("b")).To(sink.ForEach(double2), stages.Name("ignore b"))
	report, err := g.Run(ctx)
	fmt.Println(len(report.Stages), err)
	// Output:
	// 1
	// 4 <nil>
}

func double2(context.Context, int) error { return nil }

func ExampleGraph_Validate() {
	g := flow.From(source.Slice([]int{1})).Map("double", double, stages.Workers(0)).Batch(0, 0).To(nil)
	fmt.Println(g.Validate())
	// Output:
	// flow: invalid graph
	//   stage "double": workers must be at least 1, not 0
	//   stage "batch": batch size must be at least 1, not 0
	//   stage "sink": it is nil
}

func ExampleGraph_Start() {
	ch := make(chan int)
	run, err := flow.From(source.Chan(ch)).To(sink.ForEach(print[int])).Start(ctx)
	if err != nil {
		return
	}
	ch <- 1
	run.Stop() // drains
	report, err := run.Wait()
	fmt.Println(report.Ledger.Out, err)
	// Output:
	// 1
	// 1 <nil>
}

func ExampleStream_Results() {
	for r := range flow.From(source.Slice([]string{"1", "two"})).Map("parse", atoi).Map("double", double).Results(ctx) {
		fmt.Println(r.Value, r.Err, r.Timings.Len())
	}
	// Output:
	// 2 <nil> 2
	// 0 stage "parse": strconv.Atoi: parsing "two": invalid syntax 1
}

func ExampleStream_Chan() {
	for r := range flow.From(source.Slice([]int{1, 2})).Map("double", double).Chan(ctx) {
		fmt.Println(r.Value)
	}
	// Output:
	// 2
	// 4
}

func ExampleStream_ForEach() {
	report, err := flow.From(source.Slice([]int{1, 2})).Map("double", double).ForEach(ctx, print[int])
	fmt.Println(report.Ledger.Out, err)
	// Output:
	// 2
	// 4
	// 2 <nil>
}

func ExampleStream_Filter() {
	odd := func(_ context.Context, v int) (bool, error) { return v%2 == 1, nil }
	got, _ := flow.From(source.Slice([]int{1, 2, 3})).Filter("odd", odd).Collect(ctx)
	fmt.Println(got)
	// Output: [1 3]
}

func ExampleStream_FlatMap() {
	words := func(_ context.Context, s string) (iter.Seq[string], error) { return strings.FieldsSeq(s), nil }
	got, _ := flow.From(source.Slice([]string{"a low", "dam"})).FlatMap("words", words).Collect(ctx)
	fmt.Println(got)
	// Output: [a low dam]
}

func ExampleStream_Batch() {
	got, _ := flow.From(source.Slice([]int{1, 2, 3})).Batch(2, time.Second).Collect(ctx)
	fmt.Println(got)
	// Output: [[1 2] [3]]
}

func ExampleStream_Via() {
	got, _ := flow.From(source.Slice([]int{1, 2, 3})).Via("pairs", operator.Batch[int](2, 0)).Collect(ctx)
	fmt.Println(got)
	// Output: [[1 2] [3]]
}

func ExampleStream_OnError() {
	zero := func(_ context.Context, e *stages.ItemError) (int, error) {
		if e.Value == "" {
			return 0, stages.ErrDrop
		}
		return -1, nil
	}
	got, err := flow.From(source.Slice([]string{"1", "", "three"})).Map("parse", atoi).OnError(zero).Collect(ctx)
	fmt.Println(got, err)
	// Output: [1 -1] <nil>
}

func ExampleStream_DeadLetter() {
	keep := func(_ context.Context, e *stages.ItemError) error {
		fmt.Printf("kept %q of stage %s\n", e.Value, e.Stage)
		return nil
	}
	got, err := flow.From(source.Slice([]string{"1", "two"})).Map("parse", atoi).DeadLetter(keep).Collect(ctx)
	fmt.Println(got, err)
	// Output:
	// kept "two" of stage parse
	// [1] <nil>
}

func ExampleSection_Enrich() {
	type line struct{ user, city string }
	lookUp := func(_ context.Context, l line) (string, error) { return "weather in " + l.city, nil }
	lines := []line{{"ann", "Oslo"}, {"bob", "Oslo"}}
	got, _ := flow.From(source.Slice(lines)).
		Dedup(dedup.Window(time.Minute), func(l line) string { return l.city }).
		Enrich("look up", lookUp, func(l line, w string) string { return l.user + ": " + w }).
		Collect(ctx)
	fmt.Println(got)
	// Output: [ann: weather in Oslo bob: weather in Oslo]
}

func ExampleReportTo() {
	var report flow.Report
	_, err := flow.From(source.Slice([]int{1, 2})).Map("double", double).Collect(ctx, flow.ReportTo(&report), flow.Untimed())
	stage, _ := report.Stage("double")
	fmt.Println(stage.Ledger.In, stage.Ledger.Out, err)
	// Output: 2 2 <nil>
}

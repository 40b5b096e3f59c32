package flowtest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// A flow runs the probe, as it does any sink.
func ExampleProbe_Run() {
	p := flowtest.NewProbe[int](t)
	run, _ := flow.From(source.Slice([]int{1, 2})).To(p, stages.Name("probe")).Start(context.Background())
	values, _ := p.Rest()
	report, err := run.Wait()
	fmt.Println(values, report.Stages[1].Name, report.Ledger.Out, err)
	// Output: [1 2] probe 2 <nil>
}

// A failed item does not stop a run whose sink is a probe. The probe shows it to
// the test.
func ExampleProbe_TakesFailures() {
	p := flowtest.NewProbe[int](t)
	fails := flowtest.Inject(same, flowtest.InOrder(flowtest.Fault{Err: errors.New("no such user")}))
	run, _ := flow.From(source.Slice([]int{1})).Map("look up", fails).To(p).Start(context.Background())
	fmt.Println(p.TakesFailures(), p.ExpectFailed().Stage)
	p.ExpectEnd()
	_, err := run.Wait()
	fmt.Println(err)
	// Output:
	// true look up
	// <nil>
}

// Next is for values that the test cannot know before.
func ExampleProbe_Next() {
	p := flowtest.NewProbe[[]int](t)
	run, _ := flow.From(source.Slice([]int{1, 2, 3})).Batch(2, 0).To(p).Start(context.Background())
	fmt.Println(len(p.Next()), len(p.Next()))
	p.ExpectEnd()
	_, err := run.Wait()
	fmt.Println(err)
	// Output:
	// 2 1
	// <nil>
}

func ExampleProbe_Expect() {
	p := flowtest.NewProbe[string](t)
	run, _ := flow.From(source.Slice([]string{"a", "b", "c"})).To(p).Start(context.Background())
	p.Expect("a", "b")
	p.Expect("d") // fails the test
	p.ExpectEnd()
	_, err := run.Wait()
	fmt.Println(err)
	// Output:
	// flowtest: got c, want d
	// <nil>
}

// Nothing comes while the source waits for its signal.
func ExampleProbe_ExpectNone() {
	signal := make(chan struct{})
	p := flowtest.NewProbe[int](t)
	run, _ := flow.From(flowtest.NewSource[int]().Await(signal).Emit(1)).To(p).Start(context.Background())
	p.ExpectNone(time.Millisecond)
	close(signal)
	fmt.Println(p.Next())
	p.ExpectEnd()
	_, err := run.Wait()
	fmt.Println(err)
	// Output:
	// 1
	// <nil>
}

func ExampleProbe_ExpectEnd() {
	p := flowtest.NewProbe[int](t)
	run, _ := flow.From(source.Slice([]int{1, 2})).Take(1).To(p).Start(context.Background())
	p.Expect(1)
	p.ExpectEnd() // the second one is not wanted
	_, err := run.Wait()
	fmt.Println(err)
	// Output: <nil>
}

// A source follows its script again in each run.
func ExampleSource_Run() {
	src := flowtest.NewSource[int]().Emit(1).Fail(errors.New("connection lost"))
	for range 2 {
		values, err := flow.From(src).Collect(context.Background())
		fmt.Println(values, err)
	}
	// Output:
	// [1] stage "source": connection lost
	// [1] stage "source": connection lost
}

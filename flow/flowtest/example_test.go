package flowtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/stages/source"
)

// example stands for the *testing.T of a test, which an example has not got.
type example struct{ testing.TB }

func (example) Helper()                           {}
func (example) Cleanup(func())                    {}
func (example) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (example) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

var t example

func same(_ context.Context, v int) (int, error) { return v, nil }

func ExampleNewSource() {
	src := flowtest.NewSource[int]().Emit(1, 2).Sleep(time.Millisecond).Emit(3)
	values, err := flow.From(src).Map("same", same).Collect(context.Background())
	fmt.Println(values, err)
	// Output: [1 2 3] <nil>
}

func ExampleSource_Emit() {
	src := flowtest.NewSource[string]().Emit("a", "b")
	values, _ := flow.From(src).Collect(context.Background())
	fmt.Println(values, src.Emitted())
	// Output: [a b] [a b]
}

func ExampleSource_EmitAcked() {
	src := flowtest.NewSource[int]().EmitAcked(1, 2)
	odd := func(_ context.Context, v int) (int, error) {
		if v == 2 {
			return 0, errors.New("even")
		}
		return v, nil
	}
	for range flow.From(src).Map("odd", odd).Results(context.Background()) {
	}
	for _, a := range src.Acks() {
		fmt.Println(a.Value, a.Err)
	}
	// Output:
	// 1 <nil>
	// 2 stage "odd": even
}

func ExampleSource_Acks() {
	src := flowtest.NewSource[int]().EmitAcked(7)
	_, _ = flow.From(src).Collect(context.Background())
	fmt.Println(src.Acks())
	// Output: [{7 <nil>}]
}

func ExampleSource_Emitted() {
	src := flowtest.NewSource[int]().Emit(1, 2, 3)
	_, _ = flow.From(src).Collect(context.Background())
	fmt.Println(src.Emitted())
	// Output: [1 2 3]
}

func ExampleSource_Sleep() {
	begun := time.Now()
	_, _ = flow.From(flowtest.NewSource[int]().Sleep(time.Millisecond)).Collect(context.Background())
	fmt.Println(time.Since(begun) >= time.Millisecond)
	// Output: true
}

func ExampleSource_Await() {
	signal := make(chan struct{})
	p := flowtest.NewProbe[int](t)
	r, _ := flow.From(flowtest.NewSource[int]().Await(signal).Emit(1)).To(p).Start(context.Background())
	p.ExpectNone(time.Millisecond)
	close(signal)
	p.Expect(1)
	p.ExpectEnd()
	_, err := r.Wait()
	fmt.Println(err)
	// Output: <nil>
}

// The intake stops when the stage below wants no more.
func ExampleSource_Repeat() {
	n := 0
	for range flow.From(flowtest.NewSource[int]().Emit(1, 2).Repeat()).Results(context.Background()) {
		if n++; n == 5 {
			break
		}
	}
	fmt.Println(n)
	// Output: 5
}

func ExampleSource_Fail() {
	src := flowtest.NewSource[int]().Emit(1).Fail(errors.New("gone"))
	values, err := flow.From(src).Collect(context.Background())
	fmt.Println(values, err)
	// Output: [1] stage "source": gone
}

func ExampleSource_Panic() {
	_, err := flow.From(flowtest.NewSource[int]().Panic("boo")).Collect(context.Background())
	fmt.Println(err)
	// Output: stage "source": panic in stage "source": boo
}

func ExampleNewProbe() {
	p := flowtest.NewProbe[int](t)
	r, _ := flow.From(source.Slice([]int{1, 2, 3})).Map("same", same).To(p).Start(context.Background())
	p.Expect(1, 2) // nothing is taken before
	fmt.Println(p.Next())
	p.ExpectEnd()
	_, err := r.Wait()
	fmt.Println(err)
	// Output:
	// 3
	// <nil>
}

func ExampleProbe_ExpectFailed() {
	p := flowtest.NewProbe[int](t)
	fails := flowtest.Inject(same, flowtest.InOrder(flowtest.Fault{Err: errors.New("first")}))
	r, _ := flow.From(source.Slice([]int{1, 2})).Map("fails", fails).To(p).Start(context.Background())
	fmt.Println(p.ExpectFailed())
	p.Expect(2)
	p.ExpectEnd()
	_, err := r.Wait()
	fmt.Println(err)
	// Output:
	// stage "fails": first
	// <nil>
}

func ExampleProbe_Rest() {
	p := flowtest.NewProbe[int](t)
	r, _ := flow.From(source.Slice([]int{1, 2, 3})).To(p).Start(context.Background())
	p.Expect(1)
	values, failed := p.Rest()
	fmt.Println(values, failed)
	_, err := r.Wait()
	fmt.Println(err)
	// Output:
	// [2 3] []
	// <nil>
}

func ExampleProbe_Open() {
	p := flowtest.NewProbe[int](t)
	p.Open()
	_, err := flow.From(source.Slice([]int{1, 2, 3})).To(p).Run(context.Background())
	fmt.Println(err)
	p.Expect(1, 2, 3)
	p.ExpectEnd()
	// Output: <nil>
}

func ExampleInject() {
	f := flowtest.Inject(same, flowtest.InOrder(flowtest.Fault{Err: errors.New("first")}, flowtest.Fault{Panic: "second"}))
	for result := range flow.From(source.Slice([]int{1, 2, 3})).Map("f", f).Results(context.Background()) {
		fmt.Println(result.Value, result.Err)
	}
	// Output:
	// 0 stage "f": first
	// 0 stage "f": panic in stage "f": second
	// 3 <nil>
}

func ExampleInOrder() {
	plan := flowtest.InOrder(flowtest.Fault{}, flowtest.Fault{Delay: time.Second})
	fmt.Println(plan(1).Delay, plan(2).Delay, plan(3).Delay)
	// Output: 0s 1s 0s
}

// One in ten calls, and the same ones each time.
func ExampleAtRandom() {
	plan := flowtest.AtRandom(1, 0.1, flowtest.Fault{Hang: true})
	hangs := 0
	for n := range 1000 {
		if plan(n + 1).Hang {
			hangs++
		}
	}
	fmt.Println(hangs > 50 && hangs < 150)
	// Output: true
}

func ExampleBalanced() {
	report, err := flow.From(source.Slice([]int{1, 2, 3})).Map("same", same).To(flowtest.NewProbe[int](open{})).Run(context.Background())
	fmt.Println(err)
	flowtest.Balanced(t, report)
	report.Stages[0].Ledger.Out--
	report.Stages = report.Stages[:1]
	fmt.Println(report.Check())
	// Output:
	// <nil>
	// flow: stage "source": ledger is off by 1: {In:3 Derived:0 Recovered:0 Out:2 Folded:0 Filtered:0 Failed:0 Shed:0 Expired:0 DeadLettered:0 HandedBack:0}
}

// open is the test of a probe that is over before it begins: it takes everything.
type open struct{ example }

func (open) Cleanup(f func()) { f() }

func ExampleNoLeaks() {
	// In a test: flowtest.NoLeaks(t), as its first line.
	flowtest.NoLeaks(open{})
	// Output:
}

package operator_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

func ExampleOnError() {
	mend := operator.OnError(func(_ context.Context, e *stages.ItemError) (float64, error) {
		if e.Value == 0.0 {
			return 0, nil // in its place
		}
		return 0, stages.ErrDrop
	})
	got, err := flow.From(source.Slice([]float64{2, 0})).Map("reciprocals", reciprocals).
		Via("mend", mend).Collect(context.Background())
	fmt.Println(got, err)
	// Output: [0.5 0] <nil>
}

// A fallback is an OnError below the stage. The failure says in which stage the item failed. A
// failure of any other stage stays what it is.
func ExampleOnError_fallback() {
	answer := func(_ context.Context, v int) (string, error) { return "", errors.New("down") }
	got, err := flow.From(source.Slice([]int{1, 2})).Map("answer", answer).
		OnError(func(_ context.Context, e *stages.ItemError) (string, error) {
			if e.Stage != "answer" {
				return "", e.Err
			}
			return fmt.Sprintf("no answer to %v", e.Value), nil
		}).Collect(context.Background())
	fmt.Printf("%q %v\n", got, err)
	// Output: ["no answer to 1" "no answer to 2"] <nil>
}

func ExampleDeadLetter() {
	var aside []any
	keep := operator.DeadLetter[float64](func(_ context.Context, e *stages.ItemError) error {
		aside = append(aside, e.Value)
		return nil
	})
	got, err := flow.From(source.Slice([]float64{2, 0})).Map("reciprocals", reciprocals).
		Via("keep", keep).Collect(context.Background())
	fmt.Println(got, aside, err)
	// Output: [0.5] [0] <nil>
}

// A failure tells what the item was when it entered the flow.
func ExampleRemember() {
	_, err := flow.From(source.Slice([]string{"x"})).
		Via("remember", operator.Remember[string]()).
		Map("measure", stages.Lift(func(s string) int { return len(s) })).
		Filter("check", func(_ context.Context, n int) (bool, error) {
			if n < 2 {
				return false, errors.New("too short")
			}
			return true, nil
		}).Collect(context.Background())
	if failed, ok := errors.AsType[*stages.ItemError](err); ok {
		fmt.Printf("%v, got %v, which came as %q\n", failed, failed.Value, failed.Origin)
	}
	// Output: stage "check": too short, got 1, which came as "x"
}

func ExampleDeadline() {
	wait := func(ctx context.Context, v int) (int, error) {
		<-ctx.Done() // an answer that never comes
		return 0, ctx.Err()
	}
	_, err := flow.From(source.Slice([]int{1})).Via("deadline", operator.Deadline[int](time.Millisecond)).
		Map("wait", wait).Collect(context.Background())
	fmt.Println(errors.Is(err, stages.ErrExpired), errors.Is(err, context.DeadlineExceeded))
	// Output: true true
}

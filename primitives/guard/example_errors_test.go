package guard_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func ExampleReason_String() {
	fmt.Println(guard.Full, guard.QueueFull, guard.Stale, guard.Late)
	// Output: no permit left queue full waited too long deadline too near
}

func ExampleShedError_Error() {
	fmt.Println(&guard.ShedError{Name: "model", Depth: 7, Capacity: 8})
	fmt.Println(&guard.ShedError{Name: "model", Reason: guard.Late, Depth: 8, Capacity: 8, After: time.Second})
	// Output:
	// guard "model": shed, 7 of 8 in flight
	// guard "model": shed, 8 of 8 in flight, deadline too near, try again in 1s
}

func ExampleShedError_Unwrap() {
	fmt.Println(errors.Is(&guard.ShedError{}, guard.ErrShed))
	// Output: true
}

func ExampleShedError_Outcome() {
	o := (&guard.ShedError{After: time.Second}).Outcome()
	fmt.Println(o.Kind, o.After)
	// Output: ignored 1s
}

func ExampleWaitError_Error() {
	fmt.Println(&guard.WaitError{Name: "model", Err: context.Canceled})
	// Output: guard "model": wait for a permit: context canceled
}

func ExampleWaitError_Unwrap() {
	fmt.Println(errors.Is(&guard.WaitError{Err: context.Canceled}, context.Canceled))
	// Output: true
}

func ExampleWaitError_Outcome() {
	fmt.Println((&guard.WaitError{Err: context.DeadlineExceeded}).Outcome().Kind)
	// Output: ignored
}

func ExampleCallError() {
	g := guard.Of(guard.Limit(8))
	_, err := g.TryAcquire(guard.Weight(9))
	if bad, ok := errors.AsType[*guard.CallError](err); ok {
		fmt.Println(bad.Weight, bad.Capacity)
	}
	// Output: 9 8
}

func ExampleCallError_Error() {
	fmt.Println(&guard.CallError{Name: "model", Weight: 0, Capacity: 8})
	fmt.Println(&guard.CallError{Name: "model", Weight: 9, Capacity: 8})
	fmt.Println(&guard.CallError{Name: "model", Weight: 1, Capacity: 8, Level: 2})
	// Output:
	// guard "model": weight 0 is below 1
	// guard "model": weight 9 is above the capacity 8
	// guard "model": level 2 is unknown
}

func ExampleCallError_Unwrap() {
	fmt.Println(errors.Is(&guard.CallError{}, guard.ErrCall))
	// Output: true
}

func ExampleCallError_Outcome() {
	fmt.Println((&guard.CallError{}).Outcome().Kind)
	// Output: ignored
}

func ExamplePolicyError_Error() {
	fmt.Println(guard.Limit(0, guard.Name("model"), guard.MaxQueue(-1)).Validate())
	// Output: guard "model": invalid policy: capacity 0 is below 1; bound of the queue -1 is below 0
}

func ExamplePolicyError_Unwrap() {
	fmt.Println(errors.Is(guard.Limit(0).Validate(), guard.ErrPolicy))
	// Output: true
}

func ExamplePolicyError_Outcome() {
	err := guard.Of(guard.Limit(0)).Err()
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: ignored
}

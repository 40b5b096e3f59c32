package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
)

func ExampleLimitError_Error() {
	fmt.Println(&limiter.LimitError{Name: "api", After: 20 * time.Millisecond})
	// Output: limiter "api": too early, try again in 20ms
}

func ExampleLimitError_Unwrap() {
	fmt.Println(errors.Is(&limiter.LimitError{}, limiter.ErrLimit))
	// Output: true
}

func ExampleLimitError_Outcome() {
	o := outcome.Classify(context.Background(), &limiter.LimitError{After: time.Second})
	fmt.Println(o.Kind, o.After)
	// Output: ignored 1s
}

func ExampleWaitError_Error() {
	fmt.Println(&limiter.WaitError{After: time.Minute, Err: context.DeadlineExceeded})
	// Output: limiter: a wait of 1m0s would be too long: context deadline exceeded
}

func ExampleWaitError_Unwrap() {
	err := &limiter.WaitError{Err: context.Canceled}
	fmt.Println(errors.Is(err, context.Canceled))
	// Output: true
}

func ExampleWaitError_Outcome() {
	fmt.Println((&limiter.WaitError{Err: context.DeadlineExceeded}).Outcome().Kind)
	// Output: ignored
}

func ExampleCostError_Error() {
	fmt.Println(&limiter.CostError{Cost: -1})
	// Output: limiter: cost -1 is below 0
}

func ExampleCostError_Unwrap() {
	fmt.Println(errors.Is(&limiter.CostError{}, limiter.ErrCost))
	// Output: true
}

func ExampleCostError_Outcome() {
	fmt.Println((&limiter.CostError{}).Outcome().Kind)
	// Output: ignored
}

func ExampleCallError() {
	l := limiter.Of(limiter.Every(time.Second))
	_, err := l.Enlist(context.Background(), 1, nil)
	fault, ok := errors.AsType[*limiter.CallError](err)
	fmt.Println(ok, fault.Err)
	// Output: true the function to call is nil
}

func ExampleCallError_Error() {
	fmt.Println(&limiter.CallError{Name: "api", Err: errors.New("no function")})
	// Output: limiter "api": no function
}

func ExampleCallError_Unwrap() {
	fmt.Println(errors.Is(&limiter.CallError{}, limiter.ErrCall))
	// Output: true
}

func ExampleCallError_Outcome() {
	fmt.Println((&limiter.CallError{}).Outcome().Kind)
	// Output: ignored
}

func ExamplePolicyError() {
	err := limiter.PerSecond(0).Validate()
	fault, ok := errors.AsType[*limiter.PolicyError](err)
	fmt.Println(ok, fault.Err)
	// Output: true rate 0 per second is out of range
}

func ExamplePolicyError_Error() {
	fmt.Println(limiter.Every(0, limiter.Burst(0)).Validate())
	// Output: limiter: invalid policy: interval 0s is out of range; burst 0 is below 1
}

func ExamplePolicyError_Unwrap() {
	fmt.Println(errors.Is(limiter.Every(0).Validate(), limiter.ErrPolicy))
	// Output: true
}

func ExamplePolicyError_Outcome() {
	err := limiter.Of(limiter.Every(0)).Err()
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: ignored
}

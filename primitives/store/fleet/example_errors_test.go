package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/store"
	"github.com/weir-go/weir/primitives/store/fleet"
)

func ExampleError() {
	err := &fleet.Error{Name: "payments", Err: fleet.ErrStore}
	fmt.Println(err)
	fmt.Println(errors.Is(err, fleet.ErrStore))
	// Output:
	// fleet "payments": store is down
	// true
}

func ExampleError_Error() {
	fmt.Println((&fleet.Error{Name: "payments", Err: fleet.ErrBusy}).Error())
	// Output: fleet "payments": waited too long for another node
}

func ExampleError_Unwrap() {
	fmt.Println((&fleet.Error{Name: "payments", Err: fleet.ErrClaim}).Unwrap())
	// Output: fleet: claim is lost
}

// To a retry or breaker around the work, only a lost claim is a failure.
func ExampleError_Outcome() {
	fmt.Println((&fleet.Error{Err: fleet.ErrStore}).Outcome().Kind)
	fmt.Println((&fleet.Error{Err: fleet.ErrClaim}).Outcome().Kind)
	// Output:
	// ignored
	// failure
}

func ExamplePolicyError_Error() {
	_, err := fleet.NewBreaker(nil, breaker.Consecutive("model", 5, time.Second))
	fmt.Println(err.Error())
	// Output: fleet "model": invalid policy: the store is nil
}

func ExamplePolicyError_Outcome() {
	_, err := fleet.NewBreaker(nil, breaker.Consecutive("model", 5, time.Second))
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: permanent
}

func ExamplePolicyError_Unwrap() {
	_, err := fleet.NewBreaker(store.NewMemory(), breaker.Consecutive("model", 0, time.Second))
	fmt.Println(errors.Is(err, fleet.ErrPolicy), errors.Is(err, breaker.ErrPolicy))
	// Output: true true
}

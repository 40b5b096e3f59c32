package stack_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/stack"
)

// faulty is a stack with a fault in its second layer.
var faulty = stack.Around(upper).Timeout(time.Second).Timeout(-time.Second)

func ExampleError_Error() {
	fmt.Println(faulty.Err().Error())
	// Output: stack: invalid: layer 2, timeout: the time is -1s, want more than 0
}

func ExampleError_Unwrap() {
	fmt.Println(errors.Unwrap(faulty.Err()))
	// Output: layer 2, timeout: the time is -1s, want more than 0
}

func ExampleError_Is() {
	_, err := faulty.Do(context.Background(), "hello")
	fmt.Println(errors.Is(err, stack.ErrInvalid))
	// Output: true
}

func ExampleError_Outcome() {
	fmt.Println(outcome.Classify(context.Background(), faulty.Err()).Kind)
	// Output: permanent
}

func ExampleLayerError() {
	if fault, ok := errors.AsType[*stack.LayerError](faulty.Err()); ok {
		fmt.Println(fault.Layer, fault.Place)
	}
	// Output: timeout 2
}

func ExampleLayerError_Error() {
	err := &stack.LayerError{Layer: "mine", Place: 1, Err: errors.New("no host")}
	fmt.Println(err.Error())
	// Output: layer 1, mine: no host
}

func ExampleLayerError_Unwrap() {
	err := &stack.LayerError{Layer: "mine", Place: 1, Err: errors.New("no host")}
	fmt.Println(err.Unwrap())
	// Output: no host
}

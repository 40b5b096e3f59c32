package flow_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
)

// stuckCall is a call of the model that does not come back.
var stuckCall = flow.Busy{Stage: "answer", Function: "main.ask", Calls: 1, Items: 3}

func ExampleBusy_String() {
	fmt.Println(stuckCall)
	// Output: stage "answer" is busy: 1 call of main.ask, 3 items
}

func ExampleDrainError_Error() {
	fmt.Println(&flow.DrainError{Timeout: 20 * time.Second, Busy: []flow.Busy{stuckCall}})
	// Output: flow: drain timed out after 20s; stage "answer" is busy: 1 call of main.ask, 3 items
}

func ExampleDrainError_Is() {
	fmt.Println(errors.Is(&flow.DrainError{}, flow.ErrDrainTimeout))
	// Output: true
}

func ExampleAbandonedError_Error() {
	left := stuckCall
	left.Left = true
	fmt.Println(&flow.AbandonedError{Err: context.Canceled, Left: []flow.Busy{left}})
	// Output: context canceled; stage "answer" was left behind: 1 call of main.ask, 3 items
}

func ExampleAbandonedError_Unwrap() {
	fmt.Println(errors.Is(&flow.AbandonedError{Err: context.Canceled}, context.Canceled))
	// Output: true
}

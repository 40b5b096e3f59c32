package dedup_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
)

// A function that asks for its own key would wait for itself.
func ExampleError() {
	d := mustNew(dedup.Window(time.Minute, dedup.Name("prompts")))
	_, err := d.Do(context.Background(), "k", func(ctx context.Context) (string, error) {
		return d.Do(ctx, "k", nil)
	})
	fmt.Println(errors.Is(err, dedup.ErrReentrant))
	fmt.Println(err)
	// Output:
	// true
	// dedup "prompts": re-entrant call for a key from inside its own run
}

func ExampleError_Error() {
	fmt.Println(&dedup.Error{Name: "prompts", Err: dedup.ErrKey})
	// Output: dedup "prompts": the key is not comparable
}

func ExampleError_Unwrap() {
	err := &dedup.Error{Err: dedup.ErrGoexit}
	fmt.Println(err.Unwrap() == dedup.ErrGoexit)
	// Output: true
}

func ExampleError_Outcome() {
	err := &dedup.Error{Err: dedup.ErrKey}
	fmt.Println(err.Outcome().Kind, outcome.Classify(context.Background(), err).Kind)
	// Output: permanent permanent
}

func ExamplePanicError() {
	err := error(&dedup.PanicError{Name: "prompts", Value: "index out of range"})
	var p *dedup.PanicError
	if errors.As(err, &p) {
		fmt.Println(p.Value)
	}
	// Output: index out of range
}

func ExamplePanicError_Error() {
	fmt.Println(&dedup.PanicError{Name: "prompts", Value: "index out of range"})
	// Output: dedup "prompts": the shared run panicked: index out of range
}

func ExamplePanicError_Unwrap() {
	cause := errors.New("cause")
	err := &dedup.PanicError{Value: cause}
	fmt.Println(errors.Is(err, dedup.ErrPanic), errors.Is(err, cause))
	// Output: true true
}

func ExamplePolicyError_Error() {
	fmt.Println(dedup.Window(-1).Validate())
	// Output: dedup: invalid policy: ttl -1ns is negative
}

func ExamplePolicyError_Unwrap() {
	fmt.Println(errors.Is(dedup.Window(-1).Validate(), dedup.ErrPolicy))
	// Output: true
}

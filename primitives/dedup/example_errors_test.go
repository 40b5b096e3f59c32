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

func ExamplePolicyError_Outcome() {
	err := dedup.Window(-1).Validate()
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: permanent
}

// kept returns the error of a key whose run has failed a while ago.
func kept() error {
	d := mustNew(dedup.Window(time.Hour, dedup.Name("prompts"), dedup.ErrorTTL(time.Hour)))
	d.Fail(d.Check("k").Token, errors.New("503"))
	return d.Check("k").Err
}

func ExampleKeptError() {
	if e, ok := errors.AsType[*dedup.KeptError](kept()); ok {
		fmt.Println(e.Name, "had", e.Err, "within the hour:", e.After() > 59*time.Minute)
	}
	// Output: prompts had 503 within the hour: true
}

func ExampleKeptError_Error() {
	fmt.Println(kept())
	// Output: dedup "prompts": kept from an earlier run: 503
}

func ExampleKeptError_Unwrap() {
	fmt.Println(errors.Unwrap(kept()))
	// Output: 503
}

func ExampleKeptError_After() {
	var e *dedup.KeptError
	fmt.Println(errors.As(kept(), &e) && e.After() <= time.Hour)
	// Output: true
}

func ExampleKeptError_Outcome() {
	o := outcome.Classify(context.Background(), kept())
	fmt.Println(o.Kind, o.After > 0)
	// Output: ignored true
}

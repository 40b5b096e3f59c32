package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

func ExampleClassify() {
	ctx := context.Background()
	fmt.Println(outcome.Classify(ctx, nil).Kind)
	fmt.Println(outcome.Classify(ctx, errors.New("connection reset")).Kind)
	fmt.Println(outcome.Classify(ctx, outcome.AsPermanent(errors.New("400 bad request"))).Kind)
	// Output:
	// success
	// failure
	// permanent
}

func ExampleAsPermanent() {
	err := outcome.AsPermanent(errors.New("400 bad request"))
	fmt.Println(err, "is", outcome.Classify(context.Background(), err).Kind)
	// Output: 400 bad request is permanent
}

func ExampleAsThrottled() {
	err := outcome.AsThrottled(errors.New("429 too many requests"), 2*time.Second)
	o := outcome.Classify(context.Background(), err)
	fmt.Println(err, "is", o.Kind, "for", o.After)
	// Output: 429 too many requests is throttled for 2s
}

func ExampleAsIgnored() {
	err := outcome.AsIgnored(errors.New("no token left in this client"))
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: ignored
}

// A classifier that reads the codes of a client library. The client turns a
// cancelled context into a code of its own, so Cancelled is asked first.
func ExampleCancelled() {
	errUnavailable := errors.New("code 14: unavailable")
	classify := func(ctx context.Context, err error) outcome.Outcome {
		switch {
		case outcome.Cancelled(ctx):
			return outcome.Outcome{Kind: outcome.Ignored}
		case errors.Is(err, errUnavailable):
			return outcome.Outcome{Kind: outcome.Failure}
		}
		return outcome.Outcome{Kind: outcome.Permanent}
	}
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println(classify(ctx, errUnavailable).Kind)
	cancel()
	fmt.Println(classify(ctx, errUnavailable).Kind)
	// Output:
	// failure
	// ignored
}

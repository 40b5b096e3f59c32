package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// down is a service that is not there; answer is one that is.
func down(context.Context) (string, error)   { return "", errors.New("connection refused") }
func answer(context.Context) (string, error) { return "42", nil }

func example(opts ...breaker.Option) *breaker.Breaker {
	b, err := breaker.New(breaker.Consecutive("model", 2, time.Minute, opts...))
	if err != nil {
		panic(err)
	}
	return b
}

func ExampleBreaker_Do() {
	ctx := context.Background()
	b := example()
	for range 3 {
		_, err := b.Do(ctx, down)
		if errors.Is(err, breaker.ErrOpen) {
			fmt.Println("not called")
			continue
		}
		fmt.Println(err)
	}
	// Output:
	// connection refused
	// connection refused
	// not called
}

// The two-step form, for calls that do not end in the function they begin in.
func ExampleBreaker_Allow() {
	ctx := context.Background()
	b := example()
	token, err := b.Allow()
	if err != nil {
		fmt.Println("not called:", err)
		return
	}
	_, err = down(ctx)
	b.Record(ctx, &token, err)
	fmt.Println(b.Snapshot().Failures)
	// Output: 1
}

func ExampleBreaker_Record() {
	ctx := context.Background()
	b := example()
	token, _ := b.Allow()
	b.Record(ctx, &token, errors.New("timeout"))
	b.Record(ctx, &token, errors.New("timeout")) // the token is spent
	fmt.Println(b.Snapshot().Failures)
	// Output: 1
}

func ExampleNew() {
	_, err := breaker.New(breaker.Consecutive("model", 0, -time.Second))
	fmt.Println(err)
	// Output: breaker: invalid policy: "model": failures is 0, want at least 1; recovery is -1s, want 0 or more
}

// A policy that is written in the program needs no error check: if it is invalid, each
// call fails.
func ExampleOf() {
	b := breaker.Of(breaker.Consecutive("model", 2, time.Minute))
	fmt.Println(b.Do(context.Background(), answer))

	b = breaker.Of(breaker.Consecutive("model", 0, time.Minute))
	_, err := b.Do(context.Background(), answer)
	fmt.Println(err)
	// Output:
	// 42 <nil>
	// breaker: invalid policy: "model": failures is 0, want at least 1
}

func ExampleBreaker_Err() {
	fmt.Println(breaker.Of(breaker.Consecutive("model", 2, time.Minute)).Err())
	fmt.Println(new(breaker.Breaker).Err())
	// Output:
	// <nil>
	// breaker: invalid policy: the breaker was not made by New or Of
}

func ExampleBreaker_Run() {
	b := example()
	err := b.Run(context.Background(), func(context.Context) error { return errors.New("connection refused") })
	fmt.Println(err, b.Snapshot().Failures)
	// Output: connection refused 1
}

func ExampleConsecutive() {
	b, _ := breaker.New(breaker.Consecutive("model", 2, time.Minute))
	ctx := context.Background()
	_, _ = b.Do(ctx, down)
	_, _ = b.Do(ctx, answer) // the row begins anew
	_, _ = b.Do(ctx, down)
	fmt.Println(b.State())
	_, _ = b.Do(ctx, down)
	fmt.Println(b.State())
	// Output:
	// closed
	// open
}

func ExampleProbes() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, 0, breaker.Probes(2)))
	b.Trip()
	for range 3 {
		_, err := b.Allow()
		fmt.Println(err == nil)
	}
	// Output:
	// true
	// true
	// false
}

func ExampleLease() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, 0, breaker.Lease(time.Nanosecond)))
	b.Trip()
	_, _ = b.Allow() // a probe whose end is never recorded
	time.Sleep(time.Nanosecond)
	_, err := b.Allow()
	fmt.Println(err)
	// Output: <nil>
}

func ExampleClassify() {
	errNotFound := errors.New("404 not found")
	b := example(breaker.Classify(func(ctx context.Context, err error) outcome.Outcome {
		if errors.Is(err, errNotFound) {
			return outcome.Outcome{Kind: outcome.Success} // an answer like any other
		}
		return outcome.Classify(ctx, err)
	}))
	for range 10 {
		_, _ = b.Do(context.Background(), func(context.Context) (string, error) { return "", errNotFound })
	}
	fmt.Println(b.State())
	// Output: closed
}

func ExampleOnChange() {
	b := example(breaker.OnChange(func(c breaker.Change) {
		fmt.Printf("%s: %v -> %v (%v)\n", c.Name, c.From, c.To, c.Cause)
	}))
	_, _ = b.Do(context.Background(), down)
	_, _ = b.Do(context.Background(), down)
	b.Reset()
	// Output:
	// model: closed -> open (threshold)
	// model: open -> closed (manual)
}

func ExampleState_String() {
	fmt.Println(breaker.Closed, breaker.Open, breaker.HalfOpen)
	// Output: closed open half-open
}

func ExampleCause_String() {
	fmt.Println(breaker.Threshold, breaker.Elapsed, breaker.Probe, breaker.Manual)
	// Output: threshold elapsed probe manual
}

func ExamplePolicy_Validate() {
	fmt.Println(breaker.Consecutive("model", 5, time.Second).Validate())
	fmt.Println(breaker.Consecutive("model", 5, time.Second, breaker.Probes(0)).Validate())
	// Output:
	// <nil>
	// breaker: invalid policy: "model": probes is 0, want at least 1
}

func ExamplePolicy_Breaker() {
	var source breaker.Source = breaker.Consecutive("model", 5, time.Second)
	b, err := source.Breaker()
	fmt.Println(b.State(), err)
	// Output: closed <nil>
}

func ExampleBreaker_Breaker() {
	shared := example()
	var source breaker.Source = shared
	same, err := source.Breaker()
	fmt.Println(same == shared, err)
	// Output: true <nil>
}

func ExampleBreaker_State() {
	b := example()
	fmt.Println(b.State())
	b.Trip()
	fmt.Println(b.State())
	// Output:
	// closed
	// open
}

func ExampleBreaker_Snapshot() {
	b := example()
	b.RecordFailure()
	s := b.Snapshot()
	fmt.Printf("%s is %v: %d of %d failures, %d to go\n", s.Name, s.State, s.Failures, s.Threshold, s.UntilOpen)
	// Output: model is closed: 1 of 2 failures, 1 to go
}

func ExampleBreaker_RecordSuccess() {
	b := example()
	b.RecordFailure()
	b.RecordSuccess()
	fmt.Println(b.Snapshot().Failures)
	// Output: 0
}

func ExampleBreaker_RecordFailure() {
	b := example()
	b.RecordFailure()
	b.RecordFailure()
	fmt.Println(b.State())
	// Output: open
}

func ExampleBreaker_Trip() {
	b := example()
	b.Trip()
	_, err := b.Do(context.Background(), answer)
	fmt.Println(errors.Is(err, breaker.ErrOpen))
	// Output: true
}

func ExampleBreaker_Reset() {
	b := example()
	b.Trip()
	b.Reset()
	fmt.Println(b.Do(context.Background(), answer))
	// Output: 42 <nil>
}

func ExampleOpenError() {
	b := example()
	b.Trip()
	_, err := b.Do(context.Background(), answer)
	var open *breaker.OpenError
	if errors.As(err, &open) {
		fmt.Println(open.Name, "is", open.State)
	}
	// Output: model is open
}

func ExampleOpenError_After() {
	b := example()
	b.Trip()
	_, err := b.Allow()
	var open *breaker.OpenError
	if errors.As(err, &open) {
		fmt.Println("come back in", open.After().Round(time.Minute))
	}
	// Output: come back in 1m0s
}

func ExampleOpenError_Outcome() {
	b := example()
	b.Trip()
	_, err := b.Allow()
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: ignored
}

func ExampleOpenError_Is() {
	b := example()
	b.Trip()
	_, err := b.Allow()
	fmt.Println(errors.Is(err, breaker.ErrOpen))
	// Output: true
}

func ExampleOpenError_Error() {
	b := example()
	b.Trip()
	_, err := b.Allow()
	why, when, _ := strings.Cut(err.Error(), " in ")
	left, _ := time.ParseDuration(when)
	fmt.Println(why, "in", left.Round(time.Minute))
	// Output: breaker: open: "model", next probe in 1m0s
}

func ExamplePolicyError() {
	err := breaker.Consecutive("", 1, 0).Validate()
	var refused *breaker.PolicyError
	if errors.As(err, &refused) {
		fmt.Printf("%q: %v\n", refused.Name, refused.Err)
	}
	// Output: "": name is empty
}

func ExamplePolicyError_Error() {
	err := breaker.Consecutive("", 1, 0).Validate()
	fmt.Println(err.Error())
	// Output: breaker: invalid policy: name is empty
}

func ExamplePolicyError_Outcome() {
	err := breaker.Consecutive("", 1, 0).Validate()
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: permanent
}

func ExamplePolicyError_Is() {
	err := breaker.Consecutive("", 1, 0).Validate()
	fmt.Println(errors.Is(err, breaker.ErrPolicy))
	// Output: true
}

func ExamplePolicyError_Unwrap() {
	err := breaker.Consecutive("", 1, 0).Validate()
	fmt.Println(errors.Unwrap(err))
	// Output: name is empty
}

func ExampleOpenError_failure() {
	b := example()
	_, _ = b.Do(context.Background(), down)
	_, _ = b.Do(context.Background(), down)
	_, err := b.Do(context.Background(), answer)
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		fmt.Println("opened by", open.Rule)
		fmt.Println("the last one:", open.Failure)
	}
	// Output:
	// opened by 2 in a row
	// the last one: connection refused
}

// Each flow that shares a breaker can watch it while the flow runs.
func ExampleBreaker_Watch() {
	b, err := breaker.New(breaker.Consecutive("model", 1, time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	remove := b.Watch(func(c breaker.Change) { fmt.Println(c.From, "to", c.To) })
	b.Trip()
	b.Reset()
	remove()
	b.Trip()
	// Output:
	// closed to open
	// open to closed
}

package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
)

// flaky fails so many times before it answers.
func flaky(failures int) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		if failures--; failures >= 0 {
			return "", errors.New("connection reset")
		}
		return "42", nil
	}
}

func example(p retry.Policy) *retry.Retrier {
	r, err := retry.New(p)
	if err != nil {
		panic(err)
	}
	return r
}

func ExampleRetrier_Do() {
	r := example(retry.Exponential(3, time.Millisecond))
	ctx := context.Background()
	fmt.Println(r.Do(ctx, flaky(2)))
	_, err := r.Do(ctx, flaky(5))
	fmt.Println(err)
	// Output:
	// 42 <nil>
	// retry: exhausted after 3 attempts: connection reset
}

// The step form: the caller keeps what waits, here in a plain loop.
func ExampleRetrier_Next() {
	r := example(retry.Constant(3, 20*time.Millisecond))
	ctx := context.Background()
	call := flaky(5)
	for attempt := 1; ; attempt++ {
		_, err := call(ctx)
		v := r.Next(ctx, retry.Try{Attempt: attempt, Err: err})
		if !v.Retry {
			fmt.Println(v.Err)
			return
		}
		fmt.Println("again in", v.Delay)
	}
	// Output:
	// again in 20ms
	// again in 20ms
	// retry: exhausted after 3 attempts: connection reset
}

func ExampleRetrier_Begin() {
	r := example(retry.Constant(9, time.Minute, retry.MaxElapsed(30*time.Second)))
	try := retry.Try{Attempt: 1, Began: r.Begin()}
	try.Err = errors.New("connection reset")
	fmt.Println(r.Next(context.Background(), try).Reason)
	// Output: elapsed
}

func ExampleRetrier_Succeeded() {
	r := example(retry.Constant(3, time.Minute))
	r.Succeeded(64) // a batch
	fmt.Println(r.Snapshot().Calls)
	// Output: 64
}

func ExampleRetrier_Abandon() {
	r := example(retry.Constant(3, time.Minute))
	ctx, cancel := context.WithCancel(context.Background())
	try := retry.Try{Attempt: 1, Err: errors.New("connection reset")}
	fmt.Println(r.Next(ctx, try).Retry)
	cancel() // while the call waits
	fmt.Println(r.Abandon(ctx, try))
	// Output:
	// true
	// retry: cancelled after 1 attempt: connection reset: context canceled
}

func ExampleNew() {
	_, err := retry.New(retry.Exponential(0, -time.Second))
	fmt.Println(err)
	// Output: retry: invalid policy: attempts is 0, want at least 1; delay is -1s, want more than 0
}

// A policy that is written in the program needs no error check: if it is invalid, each call fails.
func ExampleOf() {
	r := retry.Of(retry.Exponential(3, time.Millisecond))
	fmt.Println(r.Do(context.Background(), func(context.Context) (string, error) { return "42", nil }))

	r = retry.Of(retry.Exponential(0, time.Millisecond))
	_, err := r.Do(context.Background(), func(context.Context) (string, error) { return "42", nil })
	fmt.Println(err)
	// Output:
	// 42 <nil>
	// retry: invalid policy: attempts is 0, want at least 1
}

func ExampleRetrier_Err() {
	fmt.Println(retry.Of(retry.None()).Err())
	fmt.Println(new(retry.Retrier).Err())
	// Output:
	// <nil>
	// retry: invalid policy: the retrier was not made by New or Of
}

func ExampleRetrier_Run() {
	tries := 0
	err := retry.Of(retry.Constant(3, time.Millisecond)).Run(context.Background(), func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("connection reset")
		}
		return nil
	})
	fmt.Println(tries, err)
	// Output: 3 <nil>
}

func ExampleOnRetry() {
	r := retry.Of(retry.Constant(3, time.Millisecond, retry.OnRetry(func(_ context.Context, e retry.Event) {
		fmt.Printf("attempt %d: %v, again in %v\n", e.Attempt, e.Err, e.Delay)
	})))
	_, err := r.Do(context.Background(), func(context.Context) (string, error) { return "", errors.New("connection reset") })
	fmt.Println(err)
	// Output:
	// attempt 1: connection reset, again in 1ms
	// attempt 2: connection reset, again in 1ms
	// retry: exhausted after 3 attempts: connection reset
}

func ExampleExponential() {
	p := retry.Exponential(5, 100*time.Millisecond)
	for attempt := 1; attempt < p.Attempts(); attempt++ {
		fmt.Println(p.Delay(attempt))
	}
	// Output:
	// 100ms
	// 200ms
	// 400ms
	// 800ms
}

func ExampleConstant() {
	p := retry.Constant(3, 100*time.Millisecond)
	fmt.Println(p.Delay(1), p.Delay(2), p.MaxTotalDelay())
	// Output: 100ms 100ms 200ms
}

func ExampleNone() {
	_, err := example(retry.None()).Do(context.Background(), flaky(1))
	fmt.Println(err)
	// Output: retry: exhausted after 1 attempt: connection reset
}

// Each wait is about the sum of the two before.
func ExampleCustom() {
	fibonacci := func(attempt int, previous time.Duration) time.Duration {
		return max(previous*1618/1000, 100*time.Millisecond).Round(100 * time.Millisecond)
	}
	p := retry.Custom(6, fibonacci)
	fmt.Println(p.Delay(1), fibonacci(2, 300*time.Millisecond), p.MaxTotalDelay())
	// Output: 100ms 500ms 5m0s
}

func ExampleName() {
	r := example(retry.Constant(1, time.Second, retry.Name("model")))
	_, err := r.Do(context.Background(), flaky(1))
	fmt.Println(err)
	// Output: retry "model": exhausted after 1 attempt: connection reset
}

func ExampleCap() {
	p := retry.Exponential(9, time.Second, retry.Cap(5*time.Second))
	fmt.Println(p.Delay(3), p.Delay(4), p.Delay(8))
	// Output: 4s 5s 5s
}

func ExampleFactor() {
	p := retry.Exponential(5, time.Second, retry.Factor(1.5))
	fmt.Println(p.Delay(1), p.Delay(2), p.Delay(3), p.MaxTotalDelay())
	// Output: 1s 1.5s 2.25s 8.125s
}

func ExampleJitter() {
	r := example(retry.Exponential(9, time.Second, retry.Jitter(retry.Equal)))
	v := r.Next(context.Background(), retry.Try{Attempt: 2, Err: errors.New("connection reset")})
	fmt.Println(time.Second <= v.Delay, v.Delay <= 2*time.Second)
	// Output: true true
}

func ExampleMaxElapsed() {
	r := example(retry.Constant(1000, time.Second, retry.MaxElapsed(50*time.Millisecond)))
	_, err := r.Do(context.Background(), flaky(5)) // does not wait a second in vain
	fmt.Println(err)
	// Output: retry: elapsed after 1 attempt: connection reset
}

func ExampleLimit() {
	errTimeout := errors.New("i/o timeout")
	timeout := func(err error) bool { return errors.Is(err, errTimeout) }
	r := example(retry.Constant(5, time.Millisecond, retry.Limit(timeout, 2)))
	_, err := r.Do(context.Background(), func(context.Context) (string, error) { return "", errTimeout })
	fmt.Println(err)
	_, err = r.Do(context.Background(), flaky(9))
	fmt.Println(err)
	// Output:
	// retry: exhausted after 2 attempts: i/o timeout
	// retry: exhausted after 5 attempts: connection reset
}

func ExampleRetryNested() {
	inner := example(retry.Constant(3, time.Millisecond))
	calls := 0
	call := func(ctx context.Context) (string, error) {
		return inner.Do(ctx, func(context.Context) (string, error) {
			calls++
			return "", errors.New("connection reset")
		})
	}
	_, err := example(retry.Constant(4, time.Millisecond)).Do(context.Background(), call)
	fmt.Println(calls, err)
	_, _ = example(retry.Constant(4, time.Millisecond, retry.RetryNested())).Do(context.Background(), call)
	fmt.Println(calls - 3)
	// Output:
	// 3 retry: nested after 1 attempt: retry: exhausted after 3 attempts: connection reset
	// 12
}

// The first copy hangs, and the second is quick.
func ExampleHedge() {
	r := example(retry.None(retry.Hedge(5*time.Millisecond, 2)))
	var copies atomic.Int32
	fmt.Println(r.Do(context.Background(), func(ctx context.Context) (string, error) {
		if copies.Add(1) == 1 {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "42", nil
	}))
	fmt.Println(r.Snapshot().Hedges)
	// Output:
	// 42 <nil>
	// 1
}

func ExampleRetrier_Hedges() {
	fmt.Println(example(retry.None(retry.Hedge(time.Second, 2))).Hedges())
	// Output: true
}

func panicking() (err error) {
	defer func() { err, _ = recover().(error) }()
	var copies atomic.Int32
	_, _ = example(retry.None(retry.Hedge(time.Millisecond, 2))).Do(context.Background(),
		func(ctx context.Context) (string, error) {
			if copies.Add(1) == 2 {
				panic(io.ErrUnexpectedEOF)
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
	return nil
}

func ExamplePanicError() {
	var e *retry.PanicError
	if errors.As(panicking(), &e) {
		fmt.Println(e.Value, len(e.Stack) > 0)
	}
	// Output: unexpected EOF true
}

func ExamplePanicError_Error() {
	first, _, _ := strings.Cut(panicking().Error(), "\n")
	fmt.Println(first)
	// Output: retry: a hedged call panicked: unexpected EOF
}

func ExamplePanicError_Unwrap() {
	fmt.Println(errors.Is(panicking(), io.ErrUnexpectedEOF))
	// Output: true
}

// A fifth of the calls may be tried again, and one in ten seconds in any case.
func ExampleNewBudget() {
	budget, err := retry.NewBudget(0.2, 0.1, 2)
	if err != nil {
		panic(err)
	}
	for range 3 {
		_, err := example(retry.Constant(2, time.Millisecond, retry.WithBudget(budget))).Do(context.Background(), flaky(9))
		fmt.Println(err)
	}
	// Output:
	// retry: exhausted after 2 attempts: connection reset
	// retry: exhausted after 2 attempts: connection reset
	// retry: over budget after 1 attempt: connection reset
}

// Policies whose calls go to the same service share its budget.
func ExampleWithBudget() {
	budget, _ := retry.NewBudget(0.2, 0.1, 1)
	read := example(retry.Constant(3, time.Millisecond, retry.WithBudget(budget)))
	write := example(retry.Exponential(3, time.Millisecond, retry.WithBudget(budget)))
	fmt.Println(read.Do(context.Background(), flaky(1)))
	_, err := write.Do(context.Background(), flaky(1))
	fmt.Println(err)
	// Output:
	// 42 <nil>
	// retry: over budget after 1 attempt: connection reset
}

func ExampleBudget_Snapshot() {
	budget, _ := retry.NewBudget(0.25, 0, 10)
	r := example(retry.Constant(3, time.Millisecond, retry.WithBudget(budget)))
	_, _ = r.Do(context.Background(), flaky(2))
	fmt.Printf("%+v\n", budget.Snapshot())
	// Output: {Tokens:8 Retries:2 Refused:0}
}

func ExampleClassify() {
	errNotFound := errors.New("404 not found")
	r := example(retry.Constant(3, time.Millisecond, retry.Classify(func(ctx context.Context, err error) outcome.Outcome {
		if errors.Is(err, errNotFound) {
			return outcome.Outcome{Kind: outcome.Permanent}
		}
		return outcome.Classify(ctx, err)
	})))
	_, err := r.Do(context.Background(), func(context.Context) (string, error) { return "", errNotFound })
	fmt.Println(err)
	// Output: retry: permanent after 1 attempt: 404 not found
}

func ExampleRetryRejected() {
	rejections := 2
	call := func(context.Context) (string, error) {
		if rejections--; rejections >= 0 {
			return "", &outcome.Error{
				Err: errors.New("breaker: open"), Meaning: outcome.Outcome{Kind: outcome.Ignored, After: 5 * time.Millisecond},
			}
		}
		return "42", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := example(retry.Constant(1, time.Second)).Do(ctx, call)
	fmt.Println(err)
	fmt.Println(example(retry.Constant(1, time.Second, retry.RetryRejected())).Do(ctx, call))
	// Output:
	// retry: rejected after 0 attempts: breaker: open
	// 42 <nil>
}

func ExamplePolicy_Attempts() {
	fmt.Println(retry.Constant(3, time.Second).Attempts())
	// Output: 3
}

func ExamplePolicy_Delay() {
	p := retry.Exponential(1000, time.Second)
	fmt.Println(p.Delay(1), p.Delay(2), p.Delay(999))
	// Output: 1s 2s 1m0s
}

func ExamplePolicy_MaxTotalDelay() {
	fmt.Println(retry.Exponential(4, time.Second).MaxTotalDelay()) // 1 s, 2 s, 4 s
	// Output: 7s
}

func ExamplePolicy_Validate() {
	fmt.Println(retry.Constant(3, time.Second).Validate())
	fmt.Println(retry.Constant(3, 2*time.Minute).Validate())
	// Output:
	// <nil>
	// retry: invalid policy: delay 2m0s is above the cap 1m0s
}

func ExamplePolicy_Retrier() {
	var source retry.Source = retry.Constant(3, time.Second)
	r, err := source.Retrier()
	fmt.Println(r != nil, err)
	// Output: true <nil>
}

func ExampleRetrier_Retrier() {
	shared := example(retry.Constant(3, time.Second))
	var source retry.Source = shared
	same, err := source.Retrier()
	fmt.Println(same == shared, err)
	// Output: true <nil>
}

func ExampleRetrier_Snapshot() {
	r := example(retry.Constant(3, time.Millisecond))
	_, _ = r.Do(context.Background(), flaky(1))
	_, _ = r.Do(context.Background(), flaky(5))
	s := r.Snapshot()
	fmt.Printf("%d calls, %d attempts, %d gave up\n", s.Calls, s.Attempts, s.GaveUp)
	// Output: 2 calls, 5 attempts, 1 gave up
}

func ExampleUncounted() {
	r := example(retry.Constant(3, time.Millisecond, retry.Uncounted()))
	for failures := range 3 {
		_, _ = r.Do(context.Background(), flaky(failures))
	}
	s := r.Snapshot()
	fmt.Printf("%d calls had to be tried again, %d attempts\n", s.Calls, s.Attempts)
	// Output: 2 calls had to be tried again, 5 attempts
}

func ExampleReason_String() {
	fmt.Println(retry.Exhausted, retry.Permanent, retry.Deadline, retry.OverBudget)
	// Output: exhausted permanent deadline over budget
}

func ExampleError() {
	_, err := example(retry.Constant(2, time.Millisecond)).Do(context.Background(), flaky(5))
	var e *retry.Error
	if errors.As(err, &e) {
		fmt.Printf("%v, %d attempts, last: %v\n", e.Reason, e.Attempts, e.Err)
	}
	// Output: exhausted, 2 attempts, last: connection reset
}

func ExampleError_Error() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := example(retry.Constant(2, time.Hour, retry.Cap(time.Hour))).Do(ctx, flaky(5))
	fmt.Println(err.Error())
	// Output: retry: deadline after 1 attempt: connection reset: context deadline exceeded
}

func ExampleError_After() {
	quota := func(context.Context) (string, error) {
		return "", outcome.AsThrottled(errors.New("429 quota used up"), 3*time.Hour)
	}
	_, err := example(retry.Constant(3, time.Second)).Do(context.Background(), quota)
	var e *retry.Error
	if errors.As(err, &e) {
		fmt.Println(e.Reason, e.After())
	}
	// Output: postponed 3h0m0s
}

func ExampleError_Is() {
	_, err := example(retry.None()).Do(context.Background(), flaky(1))
	fmt.Println(errors.Is(err, retry.ErrGaveUp))
	// Output: true
}

func ExampleError_Unwrap() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := example(retry.Constant(2, time.Hour, retry.Cap(time.Hour))).Do(ctx, flaky(5))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

func ExampleError_Outcome() {
	bad := func(context.Context) (string, error) { return "", outcome.AsPermanent(errors.New("400 bad request")) }
	_, err := example(retry.Constant(3, time.Second)).Do(context.Background(), bad)
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: permanent
}

func ExamplePolicyError() {
	err := retry.Constant(0, time.Second, retry.Name("model")).Validate()
	var refused *retry.PolicyError
	if errors.As(err, &refused) {
		fmt.Printf("%s: %v\n", refused.Name, refused.Err)
	}
	// Output: model: attempts is 0, want at least 1
}

func ExamplePolicyError_Error() {
	err := retry.Constant(0, time.Second, retry.Name("model")).Validate()
	fmt.Println(err.Error())
	// Output: retry: invalid policy: "model": attempts is 0, want at least 1
}

func ExamplePolicyError_Outcome() {
	err := retry.Constant(0, time.Second).Validate()
	fmt.Println(outcome.Classify(context.Background(), err).Kind)
	// Output: permanent
}

func ExamplePolicyError_Is() {
	fmt.Println(errors.Is(retry.Constant(0, time.Second).Validate(), retry.ErrPolicy))
	// Output: true
}

func ExamplePolicyError_Unwrap() {
	fmt.Println(errors.Unwrap(retry.Constant(0, time.Second).Validate()))
	// Output: attempts is 0, want at least 1
}

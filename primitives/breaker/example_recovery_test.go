package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// Each failed probe doubles the time until the next.
func ExampleEscalate() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, time.Minute,
		breaker.Escalate(5*time.Minute, time.Hour),
		breaker.OnChange(func(c breaker.Change) {
			if c.Cause != breaker.Manual && c.To == breaker.Open {
				fmt.Println("open for", c.For)
			}
		})))
	b.RecordFailure()
	for range 3 {
		b.OpenFor(0) // rather than to wait
		b.RecordFailure()
	}
	// Output:
	// open for 1m0s
	// open for 2m0s
	// open for 4m0s
	// open for 5m0s
}

func ExampleJitter() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, time.Minute, breaker.Jitter(0.1)))
	b.RecordFailure()
	left := b.Snapshot().RetryAfter
	fmt.Println(left > 50*time.Second, left <= time.Minute)
	// Output: true true
}

// The service says when to come back. The breaker obeys up to an hour.
func ExampleObeyUpTo() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, time.Minute,
		breaker.ObeyUpTo(time.Hour),
		breaker.OnChange(func(c breaker.Change) { fmt.Println(c.To, "for", c.For.Round(time.Second)) })))
	_, _ = b.Do(context.Background(), func(context.Context) (string, error) {
		return "", outcome.AsThrottled(errors.New("429 too many requests"), 10*time.Minute)
	})
	// Output: open for 10m0s
}

// Three probes, two of which have to succeed.
func ExampleCloseAfter() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, 0, breaker.CloseAfter(2, 3)))
	b.Trip()
	for _, f := range []func(context.Context) (string, error){answer, down, answer} {
		fmt.Println(b.State())
		_, _ = b.Do(context.Background(), f)
	}
	fmt.Println(b.State())
	// Output:
	// half-open
	// half-open
	// half-open
	// closed
}

// A thousand calls come just after the service has recovered: one in a hundred is
// let in.
func ExampleRamp() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, 0, breaker.Ramp(time.Hour)))
	b.Trip()
	_, _ = b.Do(context.Background(), answer) // the probe
	in := 0
	for range 1000 {
		if _, err := b.Do(context.Background(), answer); err == nil {
			in++
		}
	}
	fmt.Println(b.State(), in)
	// Output: closed 10
}

// Another process probes at the moment.
func ExampleProbeGate() {
	b, _ := breaker.New(breaker.Consecutive("model", 1, 0, breaker.ProbeGate(func() time.Duration { return time.Minute })))
	b.Trip()
	_, err := b.Do(context.Background(), answer)
	fmt.Println(errors.Is(err, breaker.ErrOpen), b.State())
	// Output: true half-open
}

func ExampleBreaker_OpenFor() {
	b := example()
	b.OpenFor(time.Hour) // maintenance
	_, err := b.Do(context.Background(), answer)
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		fmt.Println(open.Name, "is back in", open.After().Round(time.Minute))
	}
	// Output: model is back in 1h0m0s
}

// Cancelled probes do not tell whether the service is up. After three of them the
// breaker stops asking and waits for another minute.
func ExampleProbeLimit() {
	b := breaker.Of(breaker.Consecutive("model", 1, time.Minute, breaker.ProbeLimit(3)))
	b.OpenFor(0)
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		_, _ = b.Do(ctx, func(context.Context) (string, error) {
			cancel()
			return "", errors.New("stream reset")
		})
	}
	fmt.Println(b.State())
	// Output: open
}

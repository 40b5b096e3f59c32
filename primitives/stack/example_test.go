package stack_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/primitives/stack"
)

// upper is a function as any other.
func upper(_ context.Context, text string) (string, error) { return strings.ToUpper(text), nil }

// down is a service that is not there.
func down(context.Context, string) (string, error) { return "", errors.New("connection refused") }

// The layers are given once, outermost first, and used for all calls.
func Example() {
	answer := stack.Around(upper).
		Guard(guard.Limit(64)).
		Dedup(dedup.Window(time.Minute), strings.ToLower).
		Breaker(breaker.Consecutive("model", 5, 10*time.Second)).
		Retry(retry.Exponential(3, 50*time.Millisecond)).
		RateLimit(limiter.PerSecond(50), nil)
	if err := answer.Err(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Do(context.Background(), "hello"))
	// Output: HELLO <nil>
}

func ExampleAround() {
	s := stack.Around(upper)
	fmt.Println(s.Do(context.Background(), "hello"))
	// Output: HELLO <nil>
}

// Do is a function of the same type, to be used in its place.
func ExampleStack_Do() {
	var shout func(context.Context, string) (string, error) = stack.Around(upper).Timeout(time.Second).Do
	fmt.Println(shout(context.Background(), "hello"))
	// Output: HELLO <nil>
}

func ExampleStack_Err() {
	s := stack.Around(upper).Guard(guard.Limit(64)).Retry(retry.Constant(0, time.Second))
	fmt.Println(s.Err())
	// Output: stack: invalid: layer 2, retry: retry: invalid policy: attempts is 0, want at least 1
}

func ExampleStack_Classify() {
	errNotFound := errors.New("404 not found")
	missing := func(context.Context, string) (string, error) { return "", errNotFound }
	s := stack.Around(missing).
		Breaker(breaker.Consecutive("model", 1, time.Minute)).
		Retry(retry.Constant(3, time.Second)).
		Classify(func(ctx context.Context, err error) outcome.Outcome {
			if errors.Is(err, errNotFound) {
				return outcome.Outcome{Kind: outcome.Permanent}
			}
			return outcome.Classify(ctx, err)
		})
	for range 2 { // neither tried again nor counted by the breaker
		_, err := s.Do(context.Background(), "hello")
		fmt.Println(err)
	}
	// Output:
	// retry: permanent after 1 attempt: 404 not found
	// retry: permanent after 1 attempt: 404 not found
}

// A breaker for each host is a layer of your own.
func ExampleStack_Layer() {
	hosts := breaker.RegistryOf[string](breaker.Consecutive("hosts", 1, time.Minute), 1000, time.Hour)
	s := stack.Around(down).Layer("breaker by host", func(next stack.Func[string, string]) stack.Func[string, string] {
		return func(ctx context.Context, host string) (string, error) {
			return hosts.Do(ctx, host, func(ctx context.Context) (string, error) { return next(ctx, host) })
		}
	})
	for _, host := range []string{"a.example", "a.example", "b.example"} {
		_, err := s.Do(context.Background(), host)
		fmt.Println(errors.Is(err, breaker.ErrOpen))
	}
	// Output:
	// false
	// true
	// false
}

// A long text takes more of the capacity than a short one.
func ExampleStack_Guard() {
	s := stack.Around(upper).Guard(guard.Limit(8), func(text string) guard.CallOption { return guard.Weight(len(text)) })
	fmt.Println(s.Do(context.Background(), "hello"))
	_, err := s.Do(context.Background(), "good morning")
	fmt.Println(err)
	// Output:
	// HELLO <nil>
	// guard: weight 12 is above the capacity 8
}

func ExampleStack_Dedup() {
	calls := 0
	s := stack.Around(func(_ context.Context, text string) (string, error) {
		calls++
		return strings.ToUpper(text), nil
	}).Dedup(dedup.Window(time.Minute), strings.ToLower)
	for _, text := range []string{"hello", "Hello", "HELLO"} {
		_, _ = s.Do(context.Background(), text)
	}
	fmt.Println(calls, "call")
	// Output: 1 call
}

// A breaker that is made outside can be observed and shared.
func ExampleStack_Breaker() {
	b := breaker.Of(breaker.Consecutive("model", 1, time.Minute))
	s := stack.Around(down).Breaker(b)
	_, err := s.Do(context.Background(), "hello")
	fmt.Println(err, b.State())
	// Output: connection refused open
}

// file is a value that must be closed.
type file struct{ name string }

func (f *file) Close() { fmt.Println("closed", f.name) }

// The second argument gets the values of tries that failed.
func ExampleStack_Retry() {
	tries := 0
	open := func(_ context.Context, name string) (*file, error) {
		if tries++; tries < 3 {
			return &file{fmt.Sprint(name, " ", tries)}, errors.New("checksum is wrong")
		}
		return &file{fmt.Sprint(name, " ", tries)}, nil
	}
	s := stack.Around(open).Retry(retry.Constant(3, time.Millisecond), (*file).Close)
	f, err := s.Do(context.Background(), "part")
	fmt.Println(f.name, err)
	// Output:
	// closed part 1
	// closed part 2
	// part 3 <nil>
}

// A text costs as many units as it has letters.
func ExampleStack_RateLimit() {
	s := stack.Around(upper).RateLimit(limiter.PerSecond(1000, limiter.Burst(10)), func(text string) int { return len(text) })
	fmt.Println(s.Do(context.Background(), "hello"))
	_, err := s.Do(context.Background(), "good morning")
	fmt.Println(err)
	// Output:
	// HELLO <nil>
	// limiter: cost 12 is above the burst 10
}

func ExampleStack_Timeout() {
	s := stack.Around(func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}).Timeout(time.Millisecond)
	_, err := s.Do(context.Background(), "hello")
	fmt.Println(err)
	// Output: context deadline exceeded
}

package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Prompts cost as much as they are long: 1000 letters a second, and 4000 at once.
func ExampleRateLimit() {
	tokens, err := limiter.New(limiter.PerSecond(1000, limiter.Burst(4000)))
	if err != nil {
		fmt.Println(err)
		return
	}
	calls := stages.Section([]stages.Layer[string]{
		stages.RateLimit(tokens, func(prompt string) int { return len(prompt) }),
	}, stages.Lift(func(prompt string) string { return prompt + "!" }))
	_ = run(stages.Slice([]string{"to be", "or not"}), calls, show[string]())
	fmt.Println(tokens.Snapshot().Units, "letters")
	// Output:
	// to be!
	// or not!
	// 11 letters
}

// A 429 for one call is a pause for all; the retry outside tries that one again.
func ExampleRateLimit_throttled() {
	shared, _ := limiter.New(limiter.PerSecond(1000))
	begun := time.Now()
	told := false
	call := func(_ context.Context, v int) (int, error) {
		if !told {
			told = true
			return 0, outcome.AsThrottled(errors.New("429 too many requests"), 30*time.Millisecond)
		}
		return v, nil
	}
	calls := stages.Section([]stages.Layer[int]{
		stages.Retry[int](retry.Constant(3, time.Millisecond)),
		stages.RateLimit[int](shared, nil),
	}, call)
	_ = run(stages.Slice([]int{1, 2}), calls, show[int]())
	fmt.Println(shared.Snapshot().Penalties, "penalty,", time.Since(begun) >= 29*time.Millisecond)
	// Output:
	// 1
	// 2
	// 1 penalty, true
}

func ExampleThrottle() {
	begun := time.Now()
	_ = run(stages.Slice([]string{"a", "b", "c"}), stages.Throttle[string](limiter.Every(10*time.Millisecond), nil), show[string]())
	fmt.Println(time.Since(begun) >= 20*time.Millisecond)
	// Output:
	// a
	// b
	// c
	// true
}

// The first copy hangs; the second answers, and the first is cancelled.
func ExampleHedge() {
	hang := make(chan bool, 1)
	hang <- true
	call := func(ctx context.Context, v string) (string, error) {
		select {
		case <-hang:
			<-ctx.Done()
			fmt.Println("the first copy:", ctx.Err())
			return "", ctx.Err()
		default:
			return v + "!", nil
		}
	}
	twice := retry.None(retry.Hedge(10*time.Millisecond, 2))
	_ = run(stages.Slice([]string{"answer"}), stages.Map(call, stages.Hedge(twice)), show[string]())
	// Output:
	// the first copy: context canceled
	// answer!
}

// Around a retry a timeout is of all tries together, inside of each.
func ExampleTimeout_ofAllTries() {
	tries := 0
	soonThenLate := func(attempt int, _ time.Duration) time.Duration {
		if attempt == 1 {
			return time.Millisecond
		}
		return time.Hour
	}
	calls := stages.Section([]stages.Layer[string]{
		stages.Timeout[string](time.Minute),
		stages.Retry[string](retry.Custom(100, soonThenLate, retry.Cap(time.Hour))),
	}, func(context.Context, string) (string, error) {
		tries++
		return "", errors.New("down")
	})
	err := run(stages.Slice([]string{"answer"}), calls, show[string]())
	if gaveUp, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(gaveUp.Reason, "after", tries, "tries") // a third one would begin too late
	}
	// Output: deadline after 2 tries
}

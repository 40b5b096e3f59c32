package flow_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
)

func ExampleStream_Throttle() {
	begun := time.Now()
	fmt.Println(prompts("a", "b", "c").
		Throttle(limiter.Every(10*time.Millisecond), nil).
		Collect(context.Background()))
	fmt.Println(time.Since(begun) >= 20*time.Millisecond)
	// Output:
	// [a b c] <nil>
	// true
}

// Each try pays for the length of its prompt.
func ExampleSection_RateLimit() {
	model := service{fails: 1}
	letters, _ := limiter.New(limiter.PerSecond(1000, limiter.Burst(100)))
	fmt.Println(prompts("to be", "or not").
		Retry(retry.Constant(3, time.Millisecond)).
		RateLimit(letters, func(prompt string) int { return len(prompt) }).
		Map("answer", model.answer).
		Collect(context.Background()))
	fmt.Println(letters.Snapshot().Admitted, "tries")
	// Output:
	// [TO BE OR NOT] <nil>
	// 3 tries
}

// The outer timeout is for all tries of an item, the inner one for each try.
func ExampleSection_Timeout() {
	tries := 0
	hang := func(ctx context.Context, prompt string) (string, error) {
		if tries++; tries == 1 {
			<-ctx.Done() // an answer that never comes
			return "", ctx.Err()
		}
		return prompt + "!", nil
	}
	fmt.Println(prompts("answer").
		Layer(section.Timeout(10*time.Second)).
		Retry(retry.Constant(100, time.Millisecond)).
		Timeout(20*time.Millisecond).
		Map("answer", hang, stages.Workers(2)).
		Collect(context.Background()))
	// Output: [answer!] <nil>
}

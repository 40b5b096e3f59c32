package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/stages"
)

// A fallback is an OnError below the section. The failure says which stage it is
// of; what failed further up stays failed.
func ExampleOnError_fallback() {
	answer := func(_ context.Context, v int) (string, error) { return "", errors.New("down") }
	fallback := stages.OnError(func(_ context.Context, e *stages.ItemError) (string, error) {
		if e.Stage != "first" { // as runTwo names the section
			return "", e.Err
		}
		return fmt.Sprintf("no answer to %v", e.Value), nil
	})
	_ = runTwo(stages.Slice([]int{1, 2}), stages.Section(nil, answer), fallback, show[string]())
	// Output:
	// no answer to 1
	// no answer to 2
}

// A fallback that is a call itself belongs to the call, where the workers are. The
// breaker is around the first service alone.
func ExampleSection_fallback() {
	first, _ := breaker.New(breaker.Consecutive("first", 2, time.Minute))
	called := 0
	answer := func(ctx context.Context, v int) (string, error) {
		a, err := first.Do(ctx, func(context.Context) (string, error) {
			called++
			return "", errors.New("down")
		})
		if err != nil {
			return fmt.Sprint("second service: ", v), nil
		}
		return a, nil
	}
	_ = run(stages.Slice([]int{1, 2, 3, 4}), stages.Section(nil, answer), show[string]())
	fmt.Println(called, "calls of the first")
	// Output:
	// second service: 1
	// second service: 2
	// second service: 3
	// second service: 4
	// 2 calls of the first
}

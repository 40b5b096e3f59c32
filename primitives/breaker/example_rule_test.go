package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
)

// told makes a breaker that is open for a minute and tells why it has opened.
func told(opts ...breaker.Option) *breaker.Breaker {
	b, err := breaker.New(breaker.On("model", time.Minute, opts...).With(
		breaker.OnChange(func(c breaker.Change) { fmt.Println(c.To, "by the rule:", c.Rule) })))
	if err != nil {
		panic(err)
	}
	return b
}

// calls makes as many calls of f.
func calls(b *breaker.Breaker, n int, f func(context.Context) (string, error)) {
	for range n {
		_, _ = b.Do(context.Background(), f)
	}
}

// Any of the rules opens.
func ExampleOn() {
	b := told(
		breaker.InARow(5),
		breaker.Rate(0.5, 10*time.Second, 20),
		breaker.Slow(2*time.Second, 0.5, 10*time.Second, 20),
	)
	for range 10 {
		calls(b, 1, answer)
		calls(b, 1, down)
	}
	// Output: open by the rule: 50% of 20 or more in 10s
}

func ExampleInARow() {
	b := told(breaker.InARow(3))
	calls(b, 2, down)
	calls(b, 1, answer) // the row begins anew
	calls(b, 2, down)
	fmt.Println(b.State())
	calls(b, 1, down)
	// Output:
	// closed
	// open by the rule: 3 in a row
}

func ExampleWithin() {
	b := told(breaker.Within(3, time.Minute))
	calls(b, 2, down)
	calls(b, 100, answer) // successes change nothing
	calls(b, 1, down)
	// Output: open by the rule: 3 within 1m0s
}

func ExampleOutOf() {
	b := told(breaker.OutOf(3, 5))
	calls(b, 2, down)
	calls(b, 2, answer)
	calls(b, 1, down)
	// Output: open by the rule: 3 out of 5
}

func ExampleRate() {
	b := told(breaker.Rate(0.25, time.Minute, 8))
	calls(b, 6, answer)
	calls(b, 1, down)
	fmt.Println(b.Snapshot().Rules)
	calls(b, 1, down)
	// Output:
	// [{25% of 8 or more in 1m0s 1 7}]
	// open by the rule: 25% of 8 or more in 1m0s
}

func ExampleSlow() {
	b := told(breaker.Slow(time.Millisecond, 0.5, time.Minute, 2))
	calls(b, 2, func(context.Context) (string, error) {
		time.Sleep(time.Millisecond)
		return "42", nil // in the end
	})
	// Output: open by the rule: 50% of 2 or more in 1m0s took 1ms
}

// Two calls hang. No call has failed, and none has ended.
func ExampleHung() {
	b := told(breaker.Hung(time.Millisecond, 2))
	_, _ = b.Allow()
	_, _ = b.Allow()
	time.Sleep(time.Millisecond)
	_, err := b.Allow()
	fmt.Println(errors.Is(err, breaker.ErrOpen))
	// Output:
	// open by the rule: 2 running for 1ms
	// true
}

func ExamplePolicy_With() {
	strict := breaker.Consecutive("model", 2, time.Minute)
	lenient := strict.With(breaker.Start(breaker.Shadow))
	for _, p := range []breaker.Policy{strict, lenient} {
		b, _ := breaker.New(p)
		calls(b, 2, down)
		_, err := b.Do(context.Background(), answer)
		fmt.Println(b.State(), err == nil)
	}
	// Output:
	// open false
	// open true
}

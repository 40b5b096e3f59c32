package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/source"
)

// service answers in upper case, and fails the first times it is called.
type service struct {
	fails int32
	calls atomic.Int32
}

func (s *service) answer(_ context.Context, prompt string) (string, error) {
	if s.calls.Add(1) <= s.fails {
		return "", errors.New("service is down")
	}
	return strings.ToUpper(prompt), nil
}

func prompts(all ...string) *flow.Stream[string] { return flow.From(source.Slice(all)) }

// The layers in their usual order, around a call.
func ExampleSection() {
	model := service{fails: 2}
	answers, err := prompts("to be", "or not", "to be").
		Guard(guard.Limit(64)).
		Dedup(dedup.Window(time.Minute), strings.ToLower).
		Breaker(breaker.Consecutive("model", 5, 10*time.Second)).
		Retry(retry.Exponential(4, time.Millisecond)).
		Map("answer", model.answer, stages.Workers(8)).
		Collect(context.Background())
	fmt.Println(answers, err)
	fmt.Println(model.calls.Load(), "calls: two failed, and equal prompts shared one")
	// Output:
	// [TO BE OR NOT TO BE] <nil>
	// 4 calls: two failed, and equal prompts shared one
}

func ExampleSection_Map() {
	var model service
	fmt.Println(prompts("a", "b").Guard(guard.Limit(1)).Map("answer", model.answer).Collect(context.Background()))
	// Output: [A B] <nil>
}

func ExampleStream_Guard() {
	var model service
	limit, err := guard.New(guard.Limit(2))
	if err != nil {
		panic(err)
	}
	answers, err := prompts("a", "b", "c").Guard(limit).Map("answer", model.answer).Collect(context.Background())
	fmt.Println(answers, err, limit.Snapshot().Depth)
	// Output: [A B C] <nil> 0
}

// A guard further in limits only what is below it.
func ExampleSection_Guard() {
	var model service
	fmt.Println(prompts("a", "b").
		Retry(retry.Constant(2, time.Millisecond)).Guard(guard.Limit(1)).
		Map("answer", model.answer).Collect(context.Background()))
	// Output: [A B] <nil>
}

func ExampleStream_Dedup() {
	var model service
	answers, err := prompts("Hi", "hi", "HI").
		Dedup(dedup.Window(time.Minute), strings.ToLower).
		Map("answer", model.answer).Collect(context.Background())
	fmt.Println(answers, err, model.calls.Load())
	// Output: [HI HI HI] <nil> 1
}

// Several flows can share a deduplicator: a call of one flow also answers the
// others.
func ExampleSection_Dedup() {
	var model service
	shared, err := dedup.New[string, section.Answer](dedup.Window(time.Minute))
	if err != nil {
		panic(err)
	}
	for range 2 {
		fmt.Println(prompts("hi").Guard(guard.Limit(4)).Dedup(shared, strings.ToLower).
			Map("answer", model.answer).Collect(context.Background()))
	}
	fmt.Println(model.calls.Load(), "call")
	// Output:
	// [HI] <nil>
	// [HI] <nil>
	// 1 call
}

// While the breaker is open the service is left alone, here from the start.
func ExampleStream_Breaker() {
	var model service
	fuse, err := breaker.New(breaker.Consecutive("model", 5, time.Hour))
	if err != nil {
		panic(err)
	}
	fuse.Trip()
	for r := range prompts("a", "b").Breaker(fuse).Map("answer", model.answer).Results(context.Background()) {
		fmt.Println(errors.Is(r.Err, breaker.ErrOpen))
	}
	fmt.Println(model.calls.Load(), "calls")
	// Output:
	// true
	// true
	// 0 calls
}

// With one item in the section at a time, two failures open the breaker.
func ExampleSection_Breaker() {
	model := service{fails: 1000}
	for r := range prompts("a", "b", "c", "d").
		Guard(guard.Limit(1)).Breaker(breaker.Consecutive("model", 2, time.Hour)).
		Map("answer", model.answer).Results(context.Background()) {
		fmt.Println(errors.Is(r.Err, breaker.ErrOpen))
	}
	// Output:
	// false
	// false
	// true
	// true
}

func ExampleStream_Retry() {
	model := service{fails: 2}
	for r := range prompts("a").Retry(retry.Constant(3, time.Millisecond)).
		Map("answer", model.answer).Results(context.Background()) {
		fmt.Println(r.Value, r.Err, "after", r.Timings.At(0).Attempts, "attempts")
	}
	// Output: A <nil> after 3 attempts
}

func ExampleSection_Retry() {
	model := service{fails: 1000}
	_, err := prompts("a").Guard(guard.Limit(8)).Retry(retry.Constant(3, time.Millisecond)).
		Map("answer", model.answer).Collect(context.Background())
	fmt.Println(errors.Is(err, retry.ErrGaveUp), model.calls.Load())
	// Output: true 3
}

// Layer takes any layer: one of package section, or your own.
func ExampleStream_Layer() {
	var model service
	fmt.Println(prompts("a").Layer(section.Guard(guard.Limit(1))).
		Map("answer", model.answer).Collect(context.Background()))
	// Output: [A] <nil>
}

func ExampleSection_Layer() {
	model := service{fails: 1}
	fmt.Println(prompts("a").Guard(guard.Limit(1)).
		Layer(section.Retry(retry.Constant(2, time.Millisecond))).
		Map("answer", model.answer).Collect(context.Background()))
	// Output: [A] <nil>
}

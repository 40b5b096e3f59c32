package flow_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
)

// The flow behind a web handler: each request sends its question through it, and
// gets its own answer. Equal questions are answered once.
func ExampleServe() {
	asked := 0
	model := func(_ context.Context, question string) (string, error) {
		asked++
		return question + " Because.", nil
	}
	service, err := flow.Serve(context.Background(), func(questions *flow.Stream[string]) *flow.Stream[string] {
		return questions.
			Guard(guard.Limit(64)).
			Dedup(dedup.Window(time.Hour), func(q string) string { return q }).
			Map("answer", model, stages.Workers(16))
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var requests sync.WaitGroup
	for range 10 {
		requests.Go(func() {
			if r := service.Do(context.Background(), "Why?"); r.Value != "Why? Because." || r.Err != nil {
				fmt.Println("unexpected:", r.Value, r.Err)
			}
		})
	}
	requests.Wait()

	service.Stop() // as when the server shuts down
	report, err := service.Wait()
	fmt.Println(report.Ledger.In, "requests,", asked, "call of the model,", err)
	// Output: 10 requests, 1 call of the model, <nil>
}

// A failure is the error of its call. A caller that has left gets the error of its
// context. After the end no call is taken.
func ExampleService_Do() {
	service, err := flow.Serve(context.Background(), func(in *flow.Stream[string]) *flow.Stream[int] {
		return in.Map("parse", parse, stages.Workers(4), stages.Unordered())
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	good, bad := service.Do(context.Background(), "1"), service.Do(context.Background(), "two")
	fmt.Println(good.Value, good.Err)
	fmt.Println(bad.Err)

	left, leave := context.WithCancel(context.Background())
	leave()
	fmt.Println(service.Do(left, "3").Err)

	service.Stop()
	_, err = service.Wait()
	fmt.Println(err, errors.Is(service.Do(context.Background(), "4").Err, flow.ErrStopped))
	// Output:
	// 1 <nil>
	// stage "parse": strconv.Atoi: parsing "two": invalid syntax
	// context canceled
	// <nil> true
}

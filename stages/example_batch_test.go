package stages_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/source"
)

// A request takes 10 letters at most, and no more than 3 words.
func ExampleWeight() {
	words := []string{"to", "be", "or", "not", "to", "be", "incomprehensible", "!"}
	length := func(s string) int { return len(s) }
	requests, err := flow.From(source.Slice(words)).Batch(3, 0, stages.Weight(10, length)).Collect(context.Background())
	fmt.Println(requests, err)
	// Output: [[to be or] [not to be] [incomprehensible] [!]] <nil>
}

// While a user types without a pause, the latest text is saved now and then.
func ExampleMaxWait() {
	saved := make(chan int)
	first := sync.OnceFunc(func() {
		fmt.Println("saved while typing")
		close(saved)
	})
	typing := source.Seq(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			select {
			case <-saved:
				return
			case <-time.After(time.Millisecond): // the next key
			}
		}
	})
	_, err := flow.From(typing).Debounce(time.Minute, stages.MaxWait(20*time.Millisecond)).
		ForEach(context.Background(), func(context.Context, int) error { first(); return nil })
	fmt.Println(err)
	// Output:
	// saved while typing
	// <nil>
}

// With room for one item, a delay is a rate.
func ExampleCapacity() {
	begun := time.Now()
	got, err := flow.From(source.Slice([]int{1, 2, 3})).Delay(10*time.Millisecond, stages.Capacity(1)).Collect(context.Background())
	fmt.Println(got, err, time.Since(begun) >= 30*time.Millisecond)
	// Output: [1 2 3] <nil> true
}

func ExampleBatchError() {
	err := &stages.BatchError{Errs: map[int]error{2: errors.New("duplicate key")}}
	fmt.Println(err)
	// Output: stages: 1 item of a batch failed, at 2: duplicate key
}

func ExampleBatchError_Error() {
	fmt.Println(&stages.BatchError{Errs: map[int]error{4: errors.New("too long"), 2: errors.New("duplicate key")}})
	// Output: stages: 2 items of a batch failed, the first at 2: duplicate key
}

func ExampleBatchError_Unwrap() {
	duplicate := errors.New("duplicate key")
	fmt.Println(errors.Is(&stages.BatchError{Errs: map[int]error{2: duplicate}}, duplicate))
	// Output: true
}

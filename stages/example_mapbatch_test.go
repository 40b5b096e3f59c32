package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/stages"
)

// One request for many items, of which the service refuses one.
func ExampleMapBatch() {
	lengths := func(_ context.Context, words []string) ([]int, error) {
		fmt.Println("request of", len(words))
		lens, failed := make([]int, len(words)), map[int]error{}
		for i, w := range words {
			if lens[i] = len(w); w == "" {
				failed[i] = errors.New("empty word")
			}
		}
		if len(failed) > 0 {
			return lens, &stages.BatchError{Errs: failed}
		}
		return lens, nil
	}
	err := run(stages.Slice([]string{"one", "", "three"}), stages.MapBatch(100, time.Second, lengths),
		stages.ForEach(func(_ context.Context, n int) error { fmt.Println(n); return nil }))
	fmt.Println(err)
	// Output:
	// request of 3
	// 3
	// 5
	// stage "stage": empty word
}

func ExampleForEachBatch() {
	insert := func(_ context.Context, rows []int) error {
		fmt.Println("insert", rows)
		return nil
	}
	same := stages.Map(stages.Lift(func(v int) int { return v }))
	err := run(stages.Slice([]int{1, 2, 3, 4, 5}), same, stages.ForEachBatch(2, 0, insert))
	fmt.Println(err)
	// Output:
	// insert [1 2]
	// insert [3 4]
	// insert [5]
	// <nil>
}

func ExampleBatchError() {
	err := &stages.BatchError{Errs: map[int]error{2: errors.New("duplicate key")}}
	fmt.Println(err)
	// Output: stages: 1 items of a batch failed, the first at 2: duplicate key
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

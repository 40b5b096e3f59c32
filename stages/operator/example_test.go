package operator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// show prints what a stage makes of values, and then the fault of the run if there is one.
func show[I, O any](values []I, stage stages.Stage[I, O]) {
	showAll(source.Slice(values), stage)
}

// showAll is show of the values of any source.
func showAll[I, O any](src stages.Source[I], stage stages.Stage[I, O]) {
	_, err := flow.From(src).Via("stage", stage).ForEach(context.Background(), func(_ context.Context, v O) error {
		fmt.Println(v)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

// reciprocals fails 0.
func reciprocals(_ context.Context, v float64) (float64, error) {
	if v == 0 {
		return 0, errors.New("division by zero")
	}
	return 1 / v, nil
}

func ExampleMap() {
	parse := func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }
	show([]string{"1", "2", "three"}, operator.Map(parse, stages.Workers(4)))
	// Output:
	// 1
	// 2
	// stage "stage": strconv.Atoi: parsing "three": invalid syntax
}

func ExampleFilter() {
	even := func(_ context.Context, v int) (bool, error) { return v%2 == 0, nil }
	show([]int{1, 2, 3, 4}, operator.Filter(even))
	// Output:
	// 2
	// 4
}

func ExampleFlatMap() {
	words := func(_ context.Context, s string) (iter.Seq[string], error) { return strings.FieldsSeq(s), nil }
	show([]string{"a low dam", "", "lets through"}, operator.FlatMap(words))
	// Output:
	// a
	// low
	// dam
	// lets
	// through
}

func ExampleBatch() {
	show([]int{1, 2, 3, 4, 5}, operator.Batch[int](2, time.Second))
	// Output:
	// [1 2]
	// [3 4]
	// [5]
}

// One request for many items; the service refuses one of them.
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
	show([]string{"one", "", "three"}, operator.MapBatch(100, time.Second, lengths))
	// Output:
	// request of 3
	// 3
	// 5
	// stage "stage": empty word
}

func ExampleScan() {
	add := func(_ context.Context, sum, v int) (int, error) { return sum + v, nil }
	show([]int{1, 2, 3, 4}, operator.Scan(0, add))
	// Output:
	// 1
	// 3
	// 6
	// 10
}

func ExampleReduce() {
	add := func(_ context.Context, sum, v int) (int, error) { return sum + v, nil }
	show([]int{1, 2, 3, 4}, operator.Reduce(0, add))
	// Output: 10
}

// Take stops an intake that would never end by itself.
func ExampleTake() {
	numbers := source.Seq(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	showAll(numbers, operator.Take[int](3))
	// Output:
	// 0
	// 1
	// 2
}

func ExampleSkip() {
	show([]string{"header", "a", "b"}, operator.Skip[string](1))
	// Output:
	// a
	// b
}

func ExampleDistinctUntilChanged() {
	type reading struct {
		at    int
		state string
	}
	changes := operator.DistinctUntilChanged(func(r reading) string { return r.state })
	show([]reading{{1, "up"}, {2, "up"}, {3, "down"}, {4, "down"}, {5, "up"}}, changes)
	// Output:
	// {1 up}
	// {3 down}
	// {5 up}
}

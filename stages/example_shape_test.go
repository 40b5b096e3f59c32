package stages_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/weir-go/weir/stages"
)

func add(_ context.Context, sum, v int) (int, error) { return sum + v, nil }

func ExampleScan() {
	_ = run(stages.Slice([]int{1, 2, 3, 4}), stages.Scan(0, add), show[int]())
	// Output:
	// 1
	// 3
	// 6
	// 10
}

func ExampleReduce() {
	_ = run(stages.Slice([]int{1, 2, 3, 4}), stages.Reduce(0, add), show[int]())
	// Output: 10
}

// Take stops an intake that would never end by itself.
func ExampleTake() {
	numbers := stages.Seq(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	_ = run(numbers, stages.Take[int](3), show[int]())
	// Output:
	// 0
	// 1
	// 2
}

func ExampleSkip() {
	_ = run(stages.Slice([]string{"header", "a", "b"}), stages.Skip[string](1), show[string]())
	// Output:
	// a
	// b
}

func ExampleDistinctUntilChanged() {
	type reading struct {
		at    int
		state string
	}
	changes := stages.DistinctUntilChanged(func(r reading) string { return r.state })
	_ = run(stages.Slice([]reading{{1, "up"}, {2, "up"}, {3, "down"}, {4, "down"}, {5, "up"}}), changes, show[reading]())
	// Output:
	// {1 up}
	// {3 down}
	// {5 up}
}

// A request takes 10 letters at most, and no more than 3 words.
func ExampleWeight() {
	words := []string{"to", "be", "or", "not", "to", "be", "incomprehensible", "!"}
	length := func(s string) int { return len(s) }
	_ = run(stages.Slice(words), stages.Batch[string](3, 0, stages.Weight(10, length)), show[[]string]())
	// Output:
	// [to be or]
	// [not to be]
	// [incomprehensible]
	// [!]
}

// The newest of the items are kept for a stage that is slow.
func ExampleOverflow() {
	all := make(chan struct{})
	numbers := stages.Seq(func(yield func(int) bool) {
		defer close(all)
		for i := 1; i <= 1000 && yield(i); i++ {
		}
	})
	last := 0
	slow := stages.ForEach(func(_ context.Context, v int) error {
		<-all
		last = v
		return nil
	})
	err := run(numbers, stages.Overflow[int](2, stages.DropOldest), slow)
	fmt.Println(last, err)
	// Output: 1000 <nil>
}

func ExampleOverflowPolicy_String() {
	fmt.Println(stages.Block, stages.DropNewest, stages.DropOldest)
	// Output: block drop newest drop oldest
}

// A source hears of what was shed.
func ExampleErrOverflow() {
	heard := make(chan error, 1000)
	events := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		for i := range 1000 {
			out.EmitAcked(func(err error) {
				if err != nil {
					heard <- err
				}
			}, i)
		}
		return nil
	})
	var first sync.Once
	slow := stages.ForEach(func(context.Context, int) error {
		first.Do(func() {
			err := <-heard
			fmt.Println(err, errors.Is(err, stages.ErrOverflow))
		})
		return nil
	})
	_ = run[int, int](events, stages.Overflow[int](1, stages.DropNewest), slow)
	// Output: stage "stage": stages: buffer overflow true
}

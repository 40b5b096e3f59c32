package flow_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func add(_ context.Context, sum, v int) (int, error) { return sum + v, nil }

func ExampleStream_Scan() {
	fmt.Println(flow.From(source.Slice([]int{1, 2, 3})).Scan("total", 0, add).Collect(context.Background()))
	// Output: [1 3 6] <nil>
}

func ExampleStream_Reduce() {
	fmt.Println(flow.From(source.Slice([]int{1, 2, 3})).Reduce("total", 0, add).Collect(context.Background()))
	// Output: [6] <nil>
}

func ExampleStream_Take() {
	fmt.Println(flow.From(source.Slice([]int{1, 2, 3})).Take(2).Collect(context.Background()))
	// Output: [1 2] <nil>
}

func ExampleStream_Skip() {
	fmt.Println(flow.From(source.Slice([]int{1, 2, 3})).Skip(2).Collect(context.Background()))
	// Output: [3] <nil>
}

func ExampleStream_DistinctUntilChanged() {
	parity := func(v int) int { return v % 2 }
	fmt.Println(flow.From(source.Slice([]int{1, 3, 2, 4, 1})).DistinctUntilChanged(parity).Collect(context.Background()))
	// Output: [1 2 1] <nil>
}

func ExampleStream_Debounce() {
	fmt.Println(flow.From(source.Slice([]int{1, 2, 3})).Debounce(time.Minute).Collect(context.Background()))
	// Output: [3] <nil>
}

func ExampleStream_Delay() {
	begun := time.Now()
	fmt.Println(flow.From(source.Slice([]int{1, 2, 3})).Delay(10 * time.Millisecond).Collect(context.Background()))
	fmt.Println(time.Since(begun) >= 10*time.Millisecond)
	// Output:
	// [1 2 3] <nil>
	// true
}

// The events of each minute, by the times in the events.
func ExampleStream_Window() {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	windows, err := flow.From(source.Slice([]int{5, 70, 50, 65, 200})).
		Window(operator.Tumbling(time.Minute), stages.EventTime(at, 30*time.Second)).
		Collect(context.Background())
	for _, w := range windows {
		fmt.Println(w.Start.Format("15:04"), w.Items)
	}
	fmt.Println(err)
	// Output:
	// 00:00 [5 50]
	// 00:01 [65 70]
	// 00:03 [200]
	// <nil>
}

// A batch is 4 parcels or 10 kilograms, whichever comes first.
func ExampleStream_Batch_weight() {
	weight := func(kilograms int) int { return kilograms }
	fmt.Println(flow.From(source.Slice([]int{2, 2, 2, 3, 2, 2, 7})).
		Batch(4, time.Second, stages.Weight(10, weight)).Collect(context.Background()))
	// Output: [[2 2 2 3] [2 2] [7]] <nil>
}

// The stage before never waits: items for which the slow stage has no room are
// shed, the oldest first.
func ExampleBuffer_dropOldest() {
	goOn := make(chan struct{})
	last := 0
	run, err := flow.From(source.Slice(upTo(100))).To(sink.ForEach(func(_ context.Context, v int) error {
		<-goOn
		last = v
		return nil
	}), stages.Name("slow"), stages.Buffer(2, stages.DropOldest)).Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for run.Snapshot().Ledger.Shed < 90 { // all but those at and before the slow one
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	_, err = run.Wait()
	fmt.Println(last, err)
	// Output: 99 <nil>
}

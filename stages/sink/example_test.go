package sink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func ExampleForEach() {
	full := errors.New("disk full")
	save := sink.ForEach(func(context.Context, int) error { return full })
	_, err := flow.From(source.Slice([]int{1, 2})).To(save).Run(context.Background())
	fmt.Println(errors.Is(err, full))
	// Output: true
}

func ExampleAppend() {
	var all []int
	_, err := flow.From(source.Slice([]int{1, 2})).To(sink.Append(&all)).Run(context.Background())
	fmt.Println(all, err)
	// Output: [1 2] <nil>
}

func ExampleInto() {
	ch := make(chan int)
	run, err := flow.From(source.Slice([]int{1, 2})).To(sink.Into(ch)).Start(context.Background())
	if err != nil {
		return
	}
	for v := range ch {
		fmt.Println(v)
	}
	_, err = run.Wait()
	fmt.Println(err)
	// Output:
	// 1
	// 2
	// <nil>
}

func ExampleWriteLines() {
	_, err := flow.From(source.Slice([]string{"first", "second"})).To(sink.WriteLines[string](os.Stdout)).Run(context.Background())
	fmt.Println(err)
	// Output:
	// first
	// second
	// <nil>
}

// A broker confirms later, and up to 100 values wait for that at a time.
func ExampleAsync() {
	var broker sync.WaitGroup
	publish := func(_ context.Context, v int, done func(error)) {
		broker.Go(func() { done(nil) }) // the client of the broker calls it
	}
	report, err := flow.From(source.Slice([]int{1, 2, 3})).To(sink.Async(100, publish)).Run(context.Background())
	broker.Wait()
	fmt.Println(report.Ledger.Out, err)
	// Output: 3 <nil>
}

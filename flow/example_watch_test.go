package flow_test

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// Wait also waits for the watching goroutine, so it returns after the last line.
func ExampleRun_Watch() {
	numbers := make(chan int)
	run, err := flow.From(source.Chan(numbers)).
		To(sink.ForEach(func(context.Context, int) error { return nil })).
		Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	run.Watch(func(done <-chan struct{}) {
		<-done
		fmt.Println(run.Snapshot().Ledger.Out, "items")
	})
	for i := range 3 {
		numbers <- i
	}
	close(numbers)
	_, err = run.Wait()
	fmt.Println("ended:", err)
	// Output:
	// 3 items
	// ended: <nil>
}

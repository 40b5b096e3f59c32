package flow_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// forever brings values until it is stopped.
var forever = stages.SourceFunc[int](func(ctx context.Context, out *stages.Outlet[int]) error {
	for i := 0; ctx.Err() == nil && out.Emit(i); i++ {
	}
	return nil
})

// When stop is closed, as by a signal, the sources bring in no more items. The
// items inside are finished, and the ledger balances.
func Example_gracefulDrain() {
	stop := make(chan struct{})
	done := int64(0)
	report, err := flow.From(forever).ForEach(context.Background(), func(_ context.Context, v int) error {
		if v == 100 {
			close(stop)
		}
		done++
		return nil
	}, flow.StopWhen(stop), flow.DrainTimeout(time.Minute))
	fmt.Println(err, report.Check(), report.Ledger.In == done, done > 100)
	// Output: <nil> <nil> true true
}

// stuck is a graph with an item that is done only when the run is aborted;
// inside is closed when the item has come so far.
func stuck() (graph *flow.Graph, inside <-chan struct{}) {
	began := make(chan struct{})
	return flow.From(source.Slice([]string{"a"})).
		Map("hang", func(ctx context.Context, v string) (string, error) {
			close(began)
			<-ctx.Done()
			return "", ctx.Err()
		}).
		To(sink.ForEach(print[string])), began
}

func ExampleDrainTimeout() {
	graph, inside := stuck()
	run, err := graph.Start(context.Background(), flow.DrainTimeout(time.Millisecond))
	if err != nil {
		panic(err)
	}
	<-inside
	run.Stop()
	report, err := run.Wait()
	fmt.Println(errors.Is(err, flow.ErrDrainTimeout), report.Ledger.Failed, report.Check())
	// Output: true 1 <nil>
}

func ExampleGraph_Run() {
	report, err := flow.From(source.Slice([]int{1, 2})).To(sink.ForEach(print[int])).Run(context.Background())
	fmt.Println(report.Ledger.Out, err)
	// Output:
	// 1
	// 2
	// 2 <nil>
}

func ExampleRun_Stop() {
	queue := make(chan int) // never closed
	run, err := flow.From(source.Chan(queue)).To(sink.ForEach(print[int])).Start(context.Background())
	if err != nil {
		panic(err)
	}
	queue <- 1
	queue <- 2
	run.Stop()
	_, err = run.Wait()
	fmt.Println(err)
	// Output:
	// 1
	// 2
	// <nil>
}

func ExampleRun_Wait() {
	run, err := flow.From(source.Slice([]int{1})).To(sink.ForEach(print[int])).Start(context.Background())
	if err != nil {
		panic(err)
	}
	report, err := run.Wait()
	fmt.Println(report.Check(), err)
	// Output:
	// 1
	// <nil> <nil>
}

// In a run that is not over, the balance is the number of items inside.
func ExampleRun_Snapshot() {
	graph, inside := stuck()
	run, err := graph.Start(context.Background())
	if err != nil {
		panic(err)
	}
	<-inside
	fmt.Println(run.Snapshot().Ledger.Balance())
	run.Abort(errors.New("seen enough"))
	report, _ := run.Wait()
	fmt.Println(report.Ledger.Balance())
	// Output:
	// 1
	// 0
}

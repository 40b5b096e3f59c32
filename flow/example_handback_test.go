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

// A failed item goes back to its queue, which hands it out again after a while. At its third
// delivery it becomes a dead letter.
func ExampleStream_HandBack() {
	jobs := newQueue(1, 2, 3)
	report, err := flow.From(source.Acked(jobs.read)).
		Map("work", func(_ context.Context, job int) (int, error) {
			if job == 2 {
				return 0, errors.New("no such customer")
			}
			return job, nil
		}).
		HandBack(10*time.Millisecond, stages.MaxDeliveries(3)).
		DeadLetter(func(_ context.Context, e *stages.ItemError) error {
			fmt.Printf("job %v is dead after %d deliveries: %v\n", e.Value, e.Deliveries, e.Err)
			return nil
		}).
		To(sink.ForEach(func(context.Context, int) error { return nil })).
		Run(context.Background())
	fmt.Println("handed back:", report.Ledger.HandedBack, "error:", err)
	// Output:
	// job 2 is dead after 3 deliveries: no such customer
	// handed back: 2 error: <nil>
}

// A delivery can have a context: what it holds reaches every function that is called for the
// value.
func Example_contextOfADelivery() {
	type tenant struct{}
	messages := stages.SourceFunc[string](func(_ context.Context, out *stages.Outlet[string]) error {
		out.Deliver(stages.Receipt{
			Context: context.WithValue(context.Background(), tenant{}, "acme"),
			Ack:     func(err error) { fmt.Println("acknowledged:", err) },
		}, "invoice 7")
		return nil
	})
	_, err := flow.From(messages).
		To(sink.ForEach(func(ctx context.Context, s string) error {
			fmt.Println(s, "of", ctx.Value(tenant{}))
			return nil
		})).
		Run(context.Background())
	fmt.Println(err)
	// Output:
	// invoice 7 of acme
	// acknowledged: <nil>
	// <nil>
}

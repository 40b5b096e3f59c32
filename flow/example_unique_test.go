package flow_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
)

// A queue delivers an order twice. The second delivery is acknowledged with the first, and the
// order is worked on once.
func ExampleStream_Unique() {
	type message struct{ id, text string }
	queue := stages.SourceFunc[message](func(_ context.Context, out *stages.Outlet[message]) error {
		for _, m := range []message{{"id-1", "an order"}, {"id-1", "an order"}, {"id-2", "another"}} {
			out.EmitAcked(func(err error) { fmt.Println("acknowledge", m.id, err) }, m)
		}
		return nil
	})
	_, err := flow.From(queue).
		Unique(time.Hour, func(m message) string { return m.id }).
		To(sink.ForEach(func(_ context.Context, m message) error { fmt.Println("work on", m.text); return nil })).
		Run(context.Background())
	fmt.Println(err)
	// Unordered output:
	// work on an order
	// acknowledge id-1 <nil>
	// acknowledge id-1 <nil>
	// work on another
	// acknowledge id-2 <nil>
	// <nil>
}

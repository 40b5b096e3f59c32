package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/source"
)

// visit is an event with a time of its own.
type visit struct {
	user   string
	minute int
}

func (v visit) at() time.Time { return time.Date(2026, 1, 1, 12, v.minute, 0, 0, time.UTC) }

var visits = []visit{{"ann", 1}, {"bob", 4}, {"ann", 3}, {"ann", 12}, {"ann", 25}, {"bob", 2}}

// showWindow prints a window of visits.
func showWindow(_ context.Context, w operator.WindowOf[visit]) error {
	fmt.Println(w.Start.Format("15:04"), w.End.Format("15:04"), w.Items)
	return nil
}

// The watermark is the latest time so far, less the lateness.
func ExampleEventTime() {
	tens := operator.Window[visit](operator.Tumbling(10*time.Minute), stages.EventTime(visit.at, 0))
	_, err := flow.From(source.Slice([]visit{{"ann", 8}, {"bob", 11}, {"bob", 9}})).Via("tens", tens).ForEach(context.Background(), showWindow)
	fmt.Println(err)
	// Output:
	// 12:00 12:10 [{ann 8}]
	// 12:10 12:20 [{bob 11}]
	// <nil>
}

// An event that is late fails here; a DeadLetter could keep it.
func ExampleLate() {
	late := func(_ context.Context, v visit) error { return errors.New("too late: " + v.user) }
	tens := operator.Window[visit](operator.Tumbling(10*time.Minute), stages.EventTime(visit.at, 0), stages.Late(late))
	_, err := flow.From(source.Slice([]visit{{"ann", 8}, {"bob", 11}, {"bob", 9}})).Via("tens", tens).ForEach(context.Background(), showWindow)
	fmt.Println(err)
	// Output:
	// 12:00 12:10 [{ann 8}]
	// 12:10 12:20 [{bob 11}]
	// stage "tens": too late: bob
}

// Each user has sessions of their own.
func ExamplePerKey() {
	user := func(v visit) string { return v.user }
	sessions := operator.Window[visit](operator.Session(9*time.Minute), stages.EventTime(visit.at, 30*time.Minute), stages.PerKey(user))
	_, err := flow.From(source.Slice(visits)).Via("sessions", sessions).ForEach(context.Background(), showWindow)
	fmt.Println(err)
	// Output:
	// 12:01 12:12 [{ann 1} {ann 3}]
	// 12:02 12:13 [{bob 2} {bob 4}]
	// 12:12 12:21 [{ann 12}]
	// 12:25 12:34 [{ann 25}]
	// <nil>
}

// A stream that has become quiet closes its windows. What still comes for one of them is late.
func ExampleIdleness() {
	closed := make(chan struct{})
	quiet := stages.SourceFunc[visit](func(_ context.Context, out *stages.Outlet[visit]) error {
		out.Emit(visits[0])
		<-closed
		out.Emit(visits[2])
		return nil
	})
	late := func(_ context.Context, v visit) error { fmt.Println("late:", v); return nil }
	tens := operator.Window[visit](operator.Tumbling(10*time.Minute), stages.EventTime(visit.at, 5*time.Minute),
		stages.Idleness(10*time.Millisecond), stages.Late(late))
	_, err := flow.From(quiet).Via("tens", tens).ForEach(context.Background(), func(ctx context.Context, w operator.WindowOf[visit]) error {
		defer close(closed)
		return showWindow(ctx, w)
	})
	fmt.Println(err)
	// Output:
	// 12:00 12:10 [{ann 1}]
	// late: {ann 3}
	// <nil>
}

package operator_test

import (
	"context"
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

// showVisits prints the windows that a stage makes of visits.
func showVisits(visits []visit, windows stages.Stage[visit, operator.WindowOf[visit]]) {
	_, err := flow.From(source.Slice(visits)).Via("windows", windows).ForEach(context.Background(), func(_ context.Context, w operator.WindowOf[visit]) error {
		fmt.Println(w.Start.Format("15:04"), w.End.Format("15:04"), w.Items)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A window is open until an event has come that is 5 minutes beyond the window's end.
func ExampleWindow() {
	showVisits(visits, operator.Window[visit](operator.Tumbling(10*time.Minute), stages.EventTime(visit.at, 5*time.Minute)))
	// Output:
	// 12:00 12:10 [{ann 1} {ann 3} {bob 4}]
	// 12:10 12:20 [{ann 12}]
	// 12:20 12:30 [{ann 25}]
}

// The windows go by arrival here, and keep at most 100,000 items.
func ExampleTumbling() {
	windows := operator.Window[visit](operator.Tumbling(100_000*time.Hour), stages.Capacity(100_000))
	got, err := flow.From(source.Slice(visits)).Via("windows", windows).Collect(context.Background())
	fmt.Println(len(got), len(got[0].Items), got[0].Partial, err) // the stream ended before the window
	// Output: 1 6 true <nil>
}

func ExampleSliding() {
	everyFive := operator.Sliding(10*time.Minute, 5*time.Minute)
	showVisits(visits[:4], operator.Window[visit](everyFive, stages.EventTime(visit.at, 0)))
	// Output:
	// 11:55 12:05 [{ann 1} {ann 3} {bob 4}]
	// 12:00 12:10 [{ann 1} {ann 3} {bob 4}]
	// 12:05 12:15 [{ann 12}]
	// 12:10 12:20 [{ann 12}]
}

// A session is over when no visit has come for 10 minutes.
func ExampleSession() {
	showVisits(visits, operator.Window[visit](operator.Session(10*time.Minute), stages.EventTime(visit.at, 30*time.Minute)))
	// Output:
	// 12:01 12:22 [{ann 1} {bob 2} {ann 3} {bob 4} {ann 12}]
	// 12:25 12:35 [{ann 25}]
}

func ExampleWindowPolicy_String() {
	fmt.Println(operator.Tumbling(time.Minute))
	fmt.Println(operator.Sliding(time.Minute, time.Second))
	fmt.Println(operator.Session(time.Minute))
	// Output:
	// tumbling 1m0s
	// sliding 1m0s every 1s
	// session 1m0s
}

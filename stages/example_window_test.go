package stages_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// visit is an event with a time of its own.
type visit struct {
	user   string
	minute int
}

func (v visit) at() time.Time { return time.Date(2026, 1, 1, 12, v.minute, 0, 0, time.UTC) }

var visits = []visit{{"ann", 1}, {"bob", 4}, {"ann", 3}, {"ann", 12}, {"ann", 25}, {"bob", 2}}

// showVisits prints windows in minutes.
func showVisits() stages.Sink[stages.WindowOf[visit]] {
	return stages.ForEach(func(_ context.Context, w stages.WindowOf[visit]) error {
		_, err := fmt.Println(w.Start.Format("15:04"), w.End.Format("15:04"), w.Items)
		return err
	})
}

// Those of the event's time are open until an event has come that is 5 minutes
// beyond their end.
func ExampleWindow() {
	tens := stages.Window[visit](stages.Tumbling(10*time.Minute), stages.EventTime(visit.at, 5*time.Minute))
	_ = run(stages.Slice(visits), tens, showVisits())
	// Output:
	// 12:00 12:10 [{ann 1} {ann 3} {bob 4}]
	// 12:10 12:20 [{ann 12}]
	// 12:20 12:30 [{ann 25}]
}

// A stream that has gone quiet closes its windows all the same; what still comes for
// one of them is late.
func ExampleIdleness() {
	closed := make(chan struct{})
	quiet := stages.SourceFunc[visit](func(_ context.Context, out *stages.Outlet[visit]) error {
		out.Emit(visits[0])
		<-closed
		out.Emit(visits[2])
		return nil
	})
	late := func(_ context.Context, v visit) error { fmt.Println("late:", v); return nil }
	tens := stages.Window[visit](stages.Tumbling(10*time.Minute), stages.EventTime(visit.at, 5*time.Minute),
		stages.Idleness(10*time.Millisecond), stages.Late(late))
	_ = run(quiet, tens, stages.ForEach(func(_ context.Context, w stages.WindowOf[visit]) error {
		fmt.Println(w.Start.Format("15:04"), w.End.Format("15:04"), w.Items, w.Partial)
		close(closed)
		return nil
	}))
	// Output:
	// 12:00 12:10 [{ann 1}] false
	// late: {ann 3}
}

// By arrival, with a hundred thousand items at most.
func ExampleTumbling() {
	seconds := stages.Window[visit](stages.Tumbling(100_000*time.Hour), stages.Capacity(100_000))
	_ = run(stages.Slice(visits), seconds, stages.ForEach(func(_ context.Context, w stages.WindowOf[visit]) error {
		fmt.Println(len(w.Items), w.Partial) // the stream has ended before the window
		return nil
	}))
	// Output: 6 true
}

func ExampleSliding() {
	everyFive := stages.Window[visit](stages.Sliding(10*time.Minute, 5*time.Minute), stages.EventTime(visit.at, 0))
	_ = run(stages.Slice(visits[:4]), everyFive, showVisits())
	// Output:
	// 11:55 12:05 [{ann 1} {ann 3} {bob 4}]
	// 12:00 12:10 [{ann 1} {ann 3} {bob 4}]
	// 12:05 12:15 [{ann 12}]
	// 12:10 12:20 [{ann 12}]
}

// A session is over when there was nothing for 10 minutes.
func ExampleSession() {
	sessions := stages.Window[visit](stages.Session(10*time.Minute), stages.EventTime(visit.at, 30*time.Minute))
	_ = run(stages.Slice(visits), sessions, showVisits())
	// Output:
	// 12:01 12:22 [{ann 1} {bob 2} {ann 3} {bob 4} {ann 12}]
	// 12:25 12:35 [{ann 25}]
}

// Each user has his sessions.
func ExamplePerKey() {
	user := func(v visit) string { return v.user }
	sessions := stages.Window[visit](stages.Session(9*time.Minute),
		stages.EventTime(visit.at, 30*time.Minute), stages.PerKey(user))
	_ = run(stages.Slice(visits), sessions, showVisits())
	// Output:
	// 12:01 12:12 [{ann 1} {ann 3}]
	// 12:02 12:13 [{bob 2} {bob 4}]
	// 12:12 12:21 [{ann 12}]
	// 12:25 12:34 [{ann 25}]
}

// The watermark is the latest time so far, less the lateness.
func ExampleEventTime() {
	tens := stages.Window[visit](stages.Tumbling(10*time.Minute), stages.EventTime(visit.at, 0))
	_ = run(stages.Slice([]visit{{"ann", 8}, {"bob", 11}, {"bob", 9}}), tens, showVisits())
	// Output:
	// 12:00 12:10 [{ann 8}]
	// 12:10 12:20 [{bob 11}]
}

// What is late fails here, and would be for a dead letter to take.
func ExampleLate() {
	late := func(_ context.Context, v visit) error { return errors.New("too late: " + v.user) }
	tens := stages.Window[visit](stages.Tumbling(10*time.Minute), stages.EventTime(visit.at, 0), stages.Late(late))
	err := run(stages.Slice([]visit{{"ann", 8}, {"bob", 11}, {"bob", 9}}), tens, showVisits())
	fmt.Println(err)
	// Output:
	// 12:00 12:10 [{ann 8}]
	// 12:10 12:20 [{bob 11}]
	// stage "stage": too late: bob
}

func ExampleWindowPolicy_String() {
	fmt.Println(stages.Tumbling(time.Minute))
	fmt.Println(stages.Sliding(time.Minute, time.Second))
	fmt.Println(stages.Session(time.Minute))
	// Output:
	// tumbling 1m0s
	// sliding 1m0s every 1s
	// session 1m0s
}

// Of a burst the last remains.
func ExampleDebounce() {
	_ = run(stages.Slice([]string{"d", "dr", "dra", "draft"}), stages.Debounce[string](time.Minute), show[string]())
	// Output: draft
}

// While somebody types without a pause, the latest text is saved now and then.
func ExampleMaxWait() {
	saved := make(chan int)
	first := sync.OnceFunc(func() {
		fmt.Println("saved while typing")
		close(saved)
	})
	typing := stages.Seq(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			select {
			case <-saved:
				return
			case <-time.After(time.Millisecond): // the next key
			}
		}
	})
	save := stages.ForEach(func(context.Context, int) error { first(); return nil })
	_ = run(typing, stages.Debounce[int](time.Minute, stages.MaxWait(20*time.Millisecond)), save)
	// Output: saved while typing
}

func ExampleDelay() {
	begun := time.Now()
	_ = run(stages.Slice([]string{"a", "b"}), stages.Delay[string](20*time.Millisecond), show[string]())
	fmt.Println(time.Since(begun) >= 20*time.Millisecond)
	// Output:
	// a
	// b
	// true
}

// With room for one, a delay is a rate.
func ExampleCapacity() {
	begun := time.Now()
	_ = run(stages.Slice([]int{1, 2, 3}), stages.Delay[int](10*time.Millisecond, stages.Capacity(1)), show[int]())
	fmt.Println(time.Since(begun) >= 30*time.Millisecond)
	// Output:
	// 1
	// 2
	// 3
	// true
}

package live_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/live"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/deadletter"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

func work(jobs *flow.Stream[string]) *flow.Graph {
	answer := func(_ context.Context, job string) (string, error) { return "done: " + job, nil }
	return jobs.Map("answer", answer, stages.Workers(4)).
		To(sink.ForEach(func(_ context.Context, text string) error { fmt.Println(text); return nil }))
}

// A worker with its page.
func ExampleHandler() {
	run, err := work(flow.From(source.Slice([]string{"a"}))).Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/live/", live.Handler(run))
	_, err = run.Wait()

	page := httptest.NewRecorder()
	mux.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/live/", nil))
	fmt.Println(page.Code, page.Header().Get("Content-Type"), err)
	// Output:
	// done: a
	// 200 text/html; charset=utf-8 <nil>
}

// The page gets the run before it starts, from whatever starts it.
func ExampleTitle() {
	var page http.Handler
	show := flow.OnStart(func(r *flow.Run) { page = live.Handler(r, live.Title("Jobs of the night")) })
	_, err := work(flow.From(source.Slice([]string{"a"}))).Run(context.Background(), show)
	fmt.Println(page != nil, err)
	// Output:
	// done: a
	// true <nil>
}

// Viewers may pause sources, and set workers and the capacity of the guard "model".
func ExampleControls() {
	model := guard.Of(guard.Limit(16, guard.Name("model")))
	allow := live.Controls(model)
	_, err := work(flow.From(source.Slice([]string{"a"}))).
		Run(context.Background(), flow.OnStart(func(r *flow.Run) { http.NewServeMux().Handle("/live/", live.Handler(r, allow)) }))
	fmt.Println(err)
	// Output:
	// done: a
	// <nil>
}

// Viewers see dead letters without their values, and may replay them through the same flow.
func ExampleDeadLetters() {
	var letters deadletter.Memory[string]
	show := live.DeadLetters(live.Letters[string]{
		Store: &letters,
		Show:  func(l deadletter.Letter[string]) string { return fmt.Sprintf("%d bytes", len(l.Value)) },
		Replay: func(ctx context.Context, jobs *deadletter.Replay[string]) error {
			_, err := work(flow.From(jobs)).Run(ctx)
			return err
		},
	})
	_, err := work(flow.From(source.Slice([]string{"a"}))).
		Run(context.Background(), flow.OnStart(func(r *flow.Run) { http.NewServeMux().Handle("/live/", live.Handler(r, show)) }))
	fmt.Println(err)
	// Output:
	// done: a
	// <nil>
}

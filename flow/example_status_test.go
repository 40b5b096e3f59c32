package flow_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/probe"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// Probes, tools and browsers can see the run, under any prefix of the server.
func ExampleHandler() {
	mux := http.NewServeMux()
	report, err := flow.From(source.Slice([]int{1, 2, 3}), stages.Name("numbers")).
		To(sink.ForEach(func(context.Context, int) error { return nil })).
		Run(context.Background(), flow.OnStart(func(r *flow.Run) {
			mux.Handle("/flow/", http.StripPrefix("/flow", probe.Handler(r)))
		}))
	fmt.Println(report.Ledger.Out, err)
	for _, path := range []string{"livez", "readyz", "graph.mmd"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/flow/"+path, nil))
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 3 <nil>
	// 200 ended
	// 503 ended
	// 200 flowchart LR
	// 	n0(["numbers<br>in 3, out 3"])
	// 	n1(["sink<br>in 3, out 3"])
	// 	n0 -->|"0/256"| n1
}

// Calls of this service take up to ten minutes. A run in which no item has moved for 15 minutes
// is stuck.
func ExampleStallAfter() {
	run := ran()
	w := httptest.NewRecorder()
	probe.Handler(run, probe.StallAfter(15*time.Minute)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/livez", nil))
	fmt.Println(w.Code)
	// Output: 200
}

// Collect returns no run; OnStart gets it.
func ExampleOnStart() {
	var run *flow.Run
	_, err := prompts("1", "2").Map("parse", parse).Collect(context.Background(),
		flow.OnStart(func(r *flow.Run) { run = r }))
	fmt.Println(run.State(), err)
	// Output: ended <nil>
}

func ExampleNamed() {
	_, err := prompts("1", "2").Map("parse", parse).Collect(context.Background(),
		flow.Named("orders"), flow.OnStart(func(r *flow.Run) { fmt.Println(r.Name()) }))
	fmt.Println(err)
	// Output:
	// orders
	// <nil>
}

// The figures of all layers are there by name, whatever their types.
func ExampleRun_Status() {
	run, err := prompts("1", "2").Guard(guard.Limit(8)).Map("parse", parse).
		To(sink.ForEach(func(context.Context, int) error { return nil })).Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = run.Wait()
	for _, s := range run.Status().Stages {
		fmt.Println(s.Kind, s.Name, s.Ledger.Out)
		for _, l := range s.Layers {
			fmt.Println(" ", l.Layer, l.Figures["admitted_total"], "of", l.Figures["capacity"])
		}
	}
	// Output:
	// source source 2
	// stage parse 2
	//   guard 2 of 8
	// sink sink 2
}

func ExampleRun_State() {
	run := ran()
	fmt.Println(run.State())
	// Output: ended
}

func ExampleRun_Name() {
	fmt.Println(ran().Name())
	// Output: flow
}

func ExampleRun_Done() {
	<-ran().Done()
	fmt.Println("ended")
	// Output: ended
}

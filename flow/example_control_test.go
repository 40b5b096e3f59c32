package flow_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// Three jobs wait for each other. With two workers they would wait forever, so the operator gives
// the stage a third one.
func ExampleRun_SetWorkers() {
	var meeting sync.WaitGroup
	meeting.Add(3)
	work := func(_ context.Context, name string) (string, error) {
		meeting.Done()
		meeting.Wait()
		return name + " has met the others", nil
	}
	var done []string
	run, err := flow.From(source.Slice([]string{"Ann", "Bob", "Eve"})).
		Map("work", work, stages.Workers(2)).
		To(sink.Append(&done)).Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.SetWorkers("work", 3))
	fmt.Println(run.SetWorkers("wrok", 3))
	_, err = run.Wait()
	fmt.Println(strings.Join(done, ", "), err)
	// Output:
	// <nil>
	// flow: the graph has no stage "wrok"
	// Ann has met the others, Bob has met the others, Eve has met the others <nil>
}

// The source is paused while the database is upgraded.
func ExampleRun_Pause() {
	jobs, done := make(chan string, 1), make(chan string, 1)
	var begun atomic.Int64
	run, err := flow.From(source.Chan(jobs), stages.Name("jobs")).
		To(sink.ForEach(func(_ context.Context, job string) error { begun.Add(1); done <- job; return nil })).
		Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Pause("jobs"))
	jobs <- "invoice" // it waits
	fmt.Println("upgraded,", begun.Load(), "begun")
	_ = run.Resume("jobs")
	fmt.Println(<-done)
	run.Stop()
	_, err = run.Wait()
	fmt.Println(err)
	// Output:
	// <nil>
	// upgraded, 0 begun
	// invoice
	// <nil>
}

// A source that was paused twice is resumed once. An unknown name is an error.
func ExampleRun_Resume() {
	jobs := make(chan int)
	run, err := flow.From(source.Chan(jobs), stages.Name("jobs")).To(sink.ForEach(print[int])).Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = run.Pause("jobs")
	_ = run.Pause("jobs")
	fmt.Println(run.Resume("jobs"), run.Resume("sobs"))
	jobs <- 1
	close(jobs)
	_, err = run.Wait()
	fmt.Println(err)
	// Output:
	// <nil> flow: the graph has no stage "sobs"
	// 1
	// <nil>
}

// ran is a run that has ended, in which one of three lines was no number.
func ran() *flow.Run {
	run, err := flow.From(source.Slice([]string{"1", "two", "3"}), stages.Name("lines")).
		Map("parse", parse, stages.Workers(2)).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }).
		To(sink.ForEach(func(context.Context, int) error { return nil }), stages.Name("store")).
		Start(context.Background())
	if err != nil {
		panic(err)
	}
	if _, err := run.Wait(); err != nil {
		panic(err)
	}
	return run
}

// The picture of a run shows the items at each stage, here after the run.
func ExampleRun_DOT() {
	fmt.Print(ran().DOT())
	// Output:
	// digraph weir {
	// 	rankdir=LR
	// 	node [shape=box]
	// 	n0 [label="lines\nin 3, out 3", style=rounded]
	// 	n1 [label="parse\n2 workers\nin 3, out 2, failed 1"]
	// 	n2 [label="dead-letter\nin 2, out 2, dead-lettered 1"]
	// 	n3 [label="store\nin 2, out 2", style=rounded]
	// 	n0 -> n1 [label="0/256"]
	// 	n1 -> n2 [label="0/256"]
	// 	n2 -> n3 [label="0/256"]
	// }
}

func ExampleRun_Mermaid() {
	fmt.Print(ran().Mermaid())
	// Output:
	// flowchart LR
	// 	n0(["lines<br>in 3, out 3"])
	// 	n1["parse<br>2 workers<br>in 3, out 2, failed 1"]
	// 	n2["dead-letter<br>in 2, out 2, dead-lettered 1"]
	// 	n3(["store<br>in 2, out 2"])
	// 	n0 -->|"0/256"| n1
	// 	n1 -->|"0/256"| n2
	// 	n2 -->|"0/256"| n3
}

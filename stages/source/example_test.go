package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// show prints what a source brings.
func show[T any](src stages.Source[T]) {
	_, err := flow.From(src).ForEach(context.Background(), func(_ context.Context, v T) error {
		fmt.Println(v)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleSlice() {
	show(source.Slice([]string{"a", "b"}))
	// Output:
	// a
	// b
}

func ExampleSeq() {
	show(source.Seq(slices.Values(slices.Sorted(maps.Keys(map[string]int{"b": 2, "a": 1})))))
	// Output:
	// a
	// b
}

func ExampleChan() {
	ch := make(chan int)
	go func() {
		defer close(ch)
		ch <- 1
		ch <- 2
	}()
	show(source.Chan(ch))
	// Output:
	// 1
	// 2
}

func ExampleLines() {
	show(source.Lines(strings.NewReader("first\nsecond\n")))
	// Output:
	// first
	// second
}

// A pull loop reads a batch, and acknowledges each message to the queue.
func ExampleAcked() {
	inbox := []string{"good", "bad"}
	read := func(context.Context) (batch []source.Delivery[string], err error) {
		for _, m := range inbox {
			batch = append(batch, source.Delivery[string]{Value: m, Ack: func(err error) {
				if err != nil {
					fmt.Printf("nack %s: %v\n", m, err)
					return
				}
				fmt.Printf("ack %s\n", m)
			}})
		}
		return batch, io.EOF
	}
	_, err := flow.From(source.Acked(read)).Map("check", func(_ context.Context, m string) (string, error) {
		if m == "bad" {
			return "", fmt.Errorf("not a number")
		}
		return m, nil
	}).ForEach(context.Background(), func(context.Context, string) error { return nil })
	fmt.Println(err)
	// Output:
	// ack good
	// nack bad: stage "check": not a number
	// stage "check": not a number
}

// A source that fails is started again, and continues from its last position. Its trouble
// is in the report.
func ExampleReconnecting() {
	next := 1
	client := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		for next <= 4 {
			out.Emit(next)
			if next++; next == 3 {
				return errors.New("connection reset")
			}
		}
		return nil
	})
	src := source.Reconnecting(client, retry.Exponential(10, time.Millisecond))
	report, err := flow.From(src).To(sink.ForEach(func(_ context.Context, v int) error { fmt.Println(v); return nil })).Run(context.Background())
	health := report.Stages[0].Health
	fmt.Println(health.Reconnects, health.Err, err)
	// Output:
	// 1
	// 2
	// 3
	// 4
	// 1 connection reset <nil>
}

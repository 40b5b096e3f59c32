package flow_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/stages"
)

// Hooks see each call of the run, with the context of its item.
func ExampleHooks() {
	_, err := prompts("1", "two").Map("parse", parse).
		DeadLetter(func(context.Context, *stages.ItemError) error { return nil }, stages.Name("letters")).
		ForEach(context.Background(), func(context.Context, int) error { return nil }, flow.WithHooks(flow.Hooks{
			Leave:      func(c *flow.Call, err error) { fmt.Println(c.Stage, c.Attempt, "failed:", err != nil) },
			DeadLetter: func(stage string, f *stages.ItemError) { fmt.Println(stage, "got", f.Value) },
		}))
	fmt.Println(err)
	// Unordered output:
	// parse 1 failed: false
	// parse 1 failed: true
	// results 1 failed: false
	// letters 1 failed: false
	// letters got two
	// <nil>
}

// Slow calls are written down. The hooks of a run are set by an option.
func ExampleWithHooks() {
	slow := flow.WithHooks(flow.Hooks{End: func(_ context.Context, c *flow.Call, _ error, work time.Duration) {
		if work > time.Minute {
			fmt.Println(c.Stage, "took", work)
		}
	}})
	fmt.Println(prompts("1", "2").Map("parse", parse).Collect(context.Background(), slow))
	// Output: [1 2] <nil>
}

func ExampleLogger() {
	l := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "elapsed" {
				return slog.Attr{}
			}
			return a
		},
	}))
	_, err := prompts("1", "2").Map("parse", func(context.Context, string) (int, error) { return 0, errors.New("no number") }).
		OnError(func(context.Context, *stages.ItemError) (int, error) { return -1, nil }).
		Collect(context.Background(), flow.Named("numbers"), flow.Logger(l))
	fmt.Println(err)
	// Output:
	// level=INFO msg="flow started" flow=numbers stages=4
	// level=WARN msg="first item failed in stage" flow=numbers stage=parse attempts=1 error="no number"
	// level=INFO msg="flow ended" flow=numbers in=2 out=2 failed=2 dead_lettered=0 shed=0 expired=0
	// <nil>
}

package flowtest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/flow/flowtest"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/operator"
	"github.com/weir-go/weir/stages/section"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// goTest runs a function Test(t *testing.T) as "go test" does, once, and silently if it passes. It
// reports whether the function passed. It is needed because an example has no *testing.T, and because
// the flags of the examples' own run must not apply.
func goTest(test func(t *testing.T)) (passed bool) {
	for name, alone := range map[string]string{"test.run": "", "test.skip": "", "test.v": "false", "test.count": "1"} {
		f := flag.Lookup(name)
		before := f.Value.String()
		_ = f.Value.Set(alone)
		defer func() { _ = f.Value.Set(before) }()
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0)) // -cpu: it runs a test with each number
	all := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "Test", F: test}})
}

// A test of a flow that polls once an hour: in the bubble the day takes no time.
func ExampleBubble() {
	passed := goTest(func(t *testing.T) {
		flowtest.Bubble(t, func(t *testing.T) {
			begun := time.Now()
			polls := flowtest.NewSource[string]().Emit("morning").Sleep(12 * time.Hour).Emit("evening")
			got, err := flow.From(polls).Collect(t.Context())
			if len(got) != 2 || err != nil || time.Since(begun) != 12*time.Hour {
				t.Error(got, err, time.Since(begun))
			}
		})
	})
	fmt.Println(passed)
	// Output: true
}

// A whole flow in virtual time: the service is down for a minute, and the retry
// outlasts it. Run also checks that the ledger balances and no goroutine is left.
func ExampleRun() {
	var stored []int
	passed := goTest(func(t *testing.T) {
		stored = nil
		down := flowtest.Fault{Delay: 20 * time.Second, Err: errors.New("down")}
		_, err := flowtest.Run(t, func(*testing.T) *flow.Graph {
			return flow.From(source.Slice([]int{7})).
				Retry(retry.Constant(5, time.Second)).
				Map("call", flowtest.Inject(same, flowtest.InOrder(down, down, down))).
				To(sink.Append(&stored))
		})
		if err != nil {
			t.Error(err)
		}
	})
	fmt.Println(passed, stored)
	// Output: true [7]
}

// The suite for a stage that calls a function of its user.
func ExampleTestStage() {
	passed := goTest(func(t *testing.T) {
		flowtest.TestStage(t, flowtest.StageCase[int, int]{
			New: func(call func(context.Context) error) stages.Stage[int, int] {
				return operator.Map(func(ctx context.Context, v int) (int, error) { return 2 * v, call(ctx) })
			},
			In: []int{1, 2, 3}, Out: []int{2, 4, 6},
		})
	})
	fmt.Println(passed)
	// Output: true
}

// countdown is a source of one's own.
type countdown struct{ from int }

func (c countdown) Run(_ context.Context, out *stages.Outlet[int]) error {
	for i := c.from; i > 0 && out.Emit(i); i-- {
	}
	return nil
}

func ExampleTestSource() {
	passed := goTest(func(t *testing.T) {
		flowtest.TestSource(t, flowtest.SourceCase[int]{
			New:    func() stages.Source[int] { return countdown{from: 3} },
			Brings: []int{3, 2, 1},
		})
	})
	fmt.Println(passed)
	// Output: true
}

// total is a sink of one's own.
type total struct {
	taken []int
	sum   int
}

func (s *total) Run(_ context.Context, in *stages.Inlet[int]) error {
	for it := range in.All() {
		s.taken = append(s.taken, it.Value)
		s.sum += it.Value
		in.Done(it)
	}
	return nil
}

func ExampleTestSink() {
	passed := goTest(func(t *testing.T) {
		var last *total
		flowtest.TestSink(t, flowtest.SinkCase[int]{
			New:  func(func(context.Context) error) stages.Sink[int] { last = &total{}; return last },
			In:   []int{1, 2, 3},
			Took: func() []int { return last.taken },
		})
	})
	fmt.Println(passed)
	// Output: true
}

func ExampleTestLayer() {
	passed := goTest(func(t *testing.T) {
		flowtest.TestLayer(t, flowtest.LayerCase[int]{
			New: func() section.Layer { return section.Retry(retry.Exponential(3, time.Second)) },
			In:  []int{1, 2, 3},
		})
	})
	fmt.Println(passed)
	// Output: true
}

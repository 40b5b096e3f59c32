package stages_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Each call waits until all three are under way.
func ExampleWorkers() {
	var together sync.WaitGroup
	together.Add(3)
	meet := func(_ context.Context, v int) (int, error) {
		together.Done()
		together.Wait()
		return v, nil
	}
	_ = run(stages.Slice([]int{1, 2, 3}), stages.Map(meet, stages.Workers(3)), show[int]())
	// Output:
	// 1
	// 2
	// 3
}

// The first item takes long, and holds up no other.
func ExampleUnordered() {
	first := make(chan bool)
	call := func(_ context.Context, v int) (int, error) {
		if v == 1 {
			<-first
		}
		return v, nil
	}
	var got []int
	_ = run(stages.Slice([]int{1, 2, 3}), stages.Map(call, stages.Workers(2), stages.Unordered()),
		stages.ForEach(func(_ context.Context, v int) error {
			if got = append(got, v); len(got) == 2 {
				close(first)
			}
			return nil
		}))
	fmt.Println(got)
	// Output: [2 3 1]
}

// Package flow reads a stage's name and buffer from its settings.
func ExampleName() {
	s := stages.Apply(stages.Name("answer"))
	fmt.Println(s.Name)
	// Output: answer
}

func ExampleBuffer() {
	s := stages.Apply(stages.Buffer(16))
	fmt.Println(s.Buffer, s.Validate())
	// Output: 16 <nil>
}

func ExampleSettings_Validate() {
	fmt.Println(stages.Apply(stages.Workers(0), stages.Buffer(-1)).Validate())
	// Output:
	// buffer must be at least 1, not -1
	// workers must be at least 1, not 0
}

func ExampleOnError() {
	mend := stages.OnError(func(_ context.Context, e *stages.ItemError) (float64, error) {
		if e.Value == 0.0 {
			return 0, nil // in its place
		}
		return 0, stages.ErrDrop
	})
	fmt.Println(runTwo(stages.Slice([]float64{2, 0}), reciprocals, mend, show[float64]()))
	// Output:
	// 0.5
	// 0
	// <nil>
}

func ExampleDeadLetter() {
	var aside []any
	keep := stages.DeadLetter[float64](func(_ context.Context, e *stages.ItemError) error {
		aside = append(aside, e.Value)
		return nil
	})
	err := runTwo(stages.Slice([]float64{2, 0}), reciprocals, keep, show[float64]())
	fmt.Println(aside, err)
	// Output:
	// 0.5
	// [0] <nil>
}

func ExampleDeadline() {
	wait := stages.Map(func(ctx context.Context, v int) (int, error) {
		<-ctx.Done() // an answer that never comes
		return 0, ctx.Err()
	})
	err := runTwo(stages.Slice([]int{1}), stages.Deadline[int](time.Millisecond), wait, show[int]())
	fmt.Println(errors.Is(err, stages.ErrExpired), errors.Is(err, context.DeadlineExceeded))
	// Output: true true
}

// The first try hangs and is cut off, the second one answers.
func ExampleTimeout() {
	tries := 0
	calls := stages.Section([]stages.Layer[string]{
		stages.Retry[string](retry.Constant(2, time.Millisecond)),
		stages.Timeout[string](20 * time.Millisecond),
	}, func(ctx context.Context, v string) (string, error) {
		if tries++; tries == 1 {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return v + "!", nil
	})
	_ = run(stages.Slice([]string{"answer"}), calls, show[string]())
	// Output: answer!
}

// A stage of one's own is validated with its flow, and takes the same options.
type shout struct{ stages.Settings }

func (shout) Run(_ context.Context, in *stages.Inlet[string], out *stages.Outlet[string]) error {
	for it := range in.All() {
		out.Send(it.With(it.Value + "!"))
	}
	return nil
}

func ExampleValidator() {
	var v stages.Validator = shout{stages.Apply(stages.Workers(-1))}
	fmt.Println(v.Validate())
	// Output: workers must be at least 1, not -1
}

// The functions that are stages, sources and sinks are run by a flow, through
// the interfaces; a test may also call them itself.
func ExampleStageFunc_Run() {
	f := stages.StageFunc[int, int](func(context.Context, *stages.Inlet[int], *stages.Outlet[int]) error {
		return errors.New("broken")
	})
	fmt.Println(f.Run(context.Background(), nil, nil))
	// Output: broken
}

func ExampleSourceFunc_Run() {
	f := stages.SourceFunc[int](func(ctx context.Context, _ *stages.Outlet[int]) error { return ctx.Err() })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(f.Run(ctx, nil))
	// Output: context canceled
}

func ExampleSinkFunc_Run() {
	f := stages.SinkFunc[int](func(context.Context, *stages.Inlet[int]) error { return nil })
	fmt.Println(f.Run(context.Background(), nil))
	// Output: <nil>
}

// An item's failure that reaches a sink ends the run; FailureTaker is how a
// stage or a sink says that it takes it.
func ExampleFailureTaker() {
	var takers []bool
	for _, s := range []any{zeros{}, report{}, reciprocals} {
		t, ok := s.(stages.FailureTaker)
		takers = append(takers, ok && t.TakesFailures())
	}
	fmt.Println(takers, slices.Contains(takers, false))
	// Output: [true true false] true
}

package stages_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/weir-go/weir/stages"
)

// runTwo is run with two stages, called "first" and "second".
func runTwo[I, M, O any](src stages.Source[I], first stages.Stage[I, M], second stages.Stage[M, O], sink stages.Sink[O]) error {
	rt := stages.NewRuntime(context.Background(), false, "source", "first", "second", "sink")
	defer rt.Close()
	n := rt.Nodes()
	out0, in0 := stages.Link[I](rt, n[0], n[1], 256)
	out1, in1 := stages.Link[M](rt, n[1], n[2], 256)
	out2, in2 := stages.Link[O](rt, n[2], n[3], 256)
	var wg conc.WaitGroup
	wg.Go(func() { stages.RunSource(src, out0) })
	wg.Go(func() { stages.RunStage(first, in0, out1) })
	wg.Go(func() { stages.RunStage(second, in1, out2) })
	stages.RunSink(sink, in2)
	wg.Wait()
	return rt.Err()
}

// reciprocals fails for 0.
var reciprocals = stages.Map(func(_ context.Context, v float64) (float64, error) {
	if v == 0 {
		return 0, errors.New("division by zero")
	}
	return 1 / v, nil
})

// A sum per pair of items: Next blocks until there is one, or the stream ends.
func ExampleInlet_Next() {
	sums := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for {
			a, ok := in.Next()
			if !ok {
				return nil
			}
			b, ok := in.Next()
			if !ok {
				out.Send(a)
				return nil
			}
			in.Fold(b, &a)
			out.Send(a.With(a.Value + b.Value))
		}
	})
	_ = run(stages.Slice([]int{1, 2, 3, 4, 5}), sums, show[int]())
	// Output:
	// 3
	// 7
	// 5
}

func ExampleInlet_All() {
	running := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		sum := 0
		for it := range in.All() {
			sum += it.Value
			out.Send(it.With(sum))
		}
		return nil
	})
	_ = run(stages.Slice([]int{1, 2, 3}), running, show[int]())
	// Output:
	// 1
	// 3
	// 6
}

// A stage that says so when a question has had no answer for a while.
func ExampleInlet_NextOr() {
	said := make(chan struct{})
	quiet := stages.StageFunc[string, string](func(_ context.Context, in *stages.Inlet[string], out *stages.Outlet[string]) error {
		var patience <-chan time.Time
		for {
			it, ok, woken := in.NextOr(patience)
			switch {
			case woken:
				out.Emit("(quiet)")
				close(said)
			case !ok:
				return nil
			default:
				patience = nil
				if strings.HasSuffix(it.Value, "?") {
					patience = time.After(10 * time.Millisecond)
				}
				out.Send(it)
			}
		}
	})
	pause := stages.SourceFunc[string](func(_ context.Context, out *stages.Outlet[string]) error {
		out.Emit("ready?")
		<-said
		out.Emit("yes")
		return nil
	})
	_ = run(pause, quiet, show[string]())
	// Output:
	// ready?
	// (quiet)
	// yes
}

func ExampleInlet_Fail() {
	positive := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for it := range in.All() {
			if it.Value < 0 {
				in.Fail(it, errors.New("negative"))
				continue
			}
			out.Send(it)
		}
		return nil
	})
	fmt.Println(run(stages.Slice([]int{1, -2}), positive, show[int]()))
	// Output:
	// 1
	// stage "stage": negative
}

func ExampleInlet_Drop() {
	odd := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for it := range in.All() {
			if it.Value%2 == 0 {
				in.Drop(it) // counted as filtered
				continue
			}
			out.Send(it)
		}
		return nil
	})
	_ = run(stages.Slice([]int{1, 2, 3}), odd, show[int]())
	// Output:
	// 1
	// 3
}

// The words of a sentence become one item; the others are folded into it.
func ExampleInlet_Fold() {
	sentences := stages.StageFunc[string, string](func(_ context.Context, in *stages.Inlet[string], out *stages.Outlet[string]) error {
		for first := range in.All() {
			for !strings.HasSuffix(first.Value, ".") {
				next, ok := in.Next()
				if !ok {
					break
				}
				first.Value += " " + next.Value
				in.Fold(next, &first)
			}
			out.Send(first)
		}
		return nil
	})
	_ = run(stages.Slice([]string{"a", "low", "dam.", "It", "holds."}), sentences, show[string]())
	// Output:
	// a low dam.
	// It holds.
}

// zeros is an error policy of one's own: a stage that takes failures, puts
// divisions by zero aside and mends all others.
type zeros struct{}

func (zeros) TakesFailures() bool { return true }

func (zeros) Run(_ context.Context, in *stages.Inlet[float64], out *stages.Outlet[float64]) error {
	for it := range in.All() {
		var failed *stages.ItemError
		switch {
		case !errors.As(it.Err(), &failed):
			out.Send(it)
		case failed.Value == 0.0:
			fmt.Println("put aside:", failed)
			in.DeadLetter(it)
		default:
			out.Send(in.Recover(it, -1))
		}
	}
	return nil
}

func ExampleInlet_DeadLetter() {
	fmt.Println(runTwo(stages.Slice([]float64{2, 0}), reciprocals, stages.Stage[float64, float64](zeros{}), show[float64]()))
	// Unordered output:
	// put aside: stage "first": division by zero
	// 0.5
	// <nil>
}

func ExampleInlet_Recover() {
	fails := stages.Map(func(context.Context, float64) (float64, error) { return 0, errors.New("no") })
	_ = runTwo(stages.Slice([]float64{2}), fails, stages.Stage[float64, float64](zeros{}), show[float64]())
	// Output: -1
}

// report is a sink that takes failures: it shows how each item fared.
type report struct{}

func (report) TakesFailures() bool { return true }

func (report) Run(_ context.Context, in *stages.Inlet[float64]) error {
	for it := range in.All() {
		tm := in.Timings(it)
		fmt.Println(it.Value, it.Err(), "through", tm.Len(), "stage")
		in.Done(it)
	}
	return nil
}

func ExampleInlet_Done() {
	fmt.Println(run(stages.Slice([]float64{4, 0}), reciprocals, stages.Sink[float64](report{})))
	// Output:
	// 0.25 <nil> through 1 stage
	// 0 stage "stage": division by zero through 1 stage
	// <nil>
}

func ExampleInlet_Timings() {
	sink := stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
		for it := range in.All() {
			tm, _ := in.Timings(it).Stage("stage")
			fmt.Println(tm.Stage, tm.Work >= time.Millisecond)
			in.Done(it)
		}
		return nil
	})
	slow := stages.Map(func(_ context.Context, v int) (int, error) { time.Sleep(time.Millisecond); return v, nil })
	_ = run(stages.Slice([]int{1}), slow, sink)
	// Output: stage true
}

func ExampleItem_With() {
	length := stages.StageFunc[string, int](func(_ context.Context, in *stages.Inlet[string], out *stages.Outlet[int]) error {
		for it := range in.All() {
			out.Send(it.With(len(it.Value))) // the same item, with another value
		}
		return nil
	})
	_ = run(stages.Slice([]string{"weir"}), length, show[int]())
	// Output: 4
}

func ExampleItem_Err() {
	_ = run(stages.Slice([]float64{0}), reciprocals, stages.Sink[float64](report{}))
	// Output: 0 stage "stage": division by zero through 1 stage
}

func ExampleItem_Deadline() {
	sink := stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
		for it := range in.All() {
			by, ok := it.Deadline(in)
			fmt.Println(ok, time.Until(by) > 30*time.Second)
			in.Done(it)
		}
		return nil
	})
	_ = run(stages.Slice([]int{1}), stages.Deadline[int](time.Minute), sink)
	// Output: true true
}

func ExampleOutlet_Send() {
	pass := stages.StageFunc[int, int](func(_ context.Context, in *stages.Inlet[int], out *stages.Outlet[int]) error {
		for it := range in.All() {
			out.Send(it)
		}
		return nil
	})
	_ = run(stages.Slice([]int{7}), pass, show[int]())
	// Output: 7
}

func ExampleOutlet_Emit() {
	ticks := stages.SourceFunc[time.Duration](func(ctx context.Context, out *stages.Outlet[time.Duration]) error {
		for i := range 3 {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done(): // asked to stop
				return nil
			}
			if !out.Emit(time.Duration(i) * time.Second) {
				return nil // aborted
			}
		}
		return nil
	})
	_ = run(ticks, stages.Map(stages.Lift(time.Duration.String)), show[string]())
	// Output:
	// 0s
	// 1s
	// 2s
}

// A source that gives a message back to its queue when it was not done.
func ExampleOutlet_EmitAcked() {
	queue := stages.SourceFunc[float64](func(_ context.Context, out *stages.Outlet[float64]) error {
		for _, msg := range []float64{2, 0} {
			out.EmitAcked(func(err error) {
				if err != nil {
					fmt.Println(msg, "goes back:", err)
					return
				}
				fmt.Println(msg, "is done")
			}, msg)
		}
		return nil
	})
	_ = run(queue, reciprocals, show[float64]())
	// Output:
	// 0.5
	// 2 is done
	// 0 goes back: stage "stage": division by zero
}

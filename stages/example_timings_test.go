package stages_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// timed returns the timings of an item that took its time in "second", which
// tried twice.
func timed() (t stages.Timings) {
	first := stages.Map(double)
	tried := false
	second := stages.Section([]stages.Layer[int]{stages.Retry[int](retry.Constant(2, time.Millisecond))},
		func(_ context.Context, v int) (int, error) {
			time.Sleep(2 * time.Millisecond)
			if !tried {
				tried = true
				return 0, errors.New("try again")
			}
			return v, nil
		})
	_ = runTwo(stages.Slice([]int{1}), first, second, stages.SinkFunc[int](func(_ context.Context, in *stages.Inlet[int]) error {
		for it := range in.All() {
			t = in.Timings(it)
			in.Done(it)
		}
		return nil
	}))
	return t
}

func ExampleTimings_Len() {
	fmt.Println(timed().Len(), "stages")
	// Output: 2 stages
}

func ExampleTimings_At() {
	second := timed().At(1)
	fmt.Println(second.Stage, second.Attempts, "attempts")
	fmt.Println(second.Work >= 4*time.Millisecond, "both of them are work")
	fmt.Println(second.Wait >= time.Millisecond, "and the time between them is not")
	// Output:
	// second 2 attempts
	// true both of them are work
	// true and the time between them is not
}

func ExampleTimings_All() {
	for t := range timed().All() {
		fmt.Println(t.Stage, t.Attempts)
	}
	// Output:
	// first 1
	// second 2
}

func ExampleTimings_Stage() {
	t := timed()
	second, ok := t.Stage("second")
	fmt.Println(second.Attempts, ok)
	_, ok = t.Stage("third")
	fmt.Println(ok)
	// Output:
	// 2 true
	// false
}

func ExampleTimings_Total() {
	t := timed()
	var sum time.Duration
	for s := range t.All() {
		sum += s.Wait + s.Work
	}
	fmt.Println(t.Total() >= sum)
	// Output: true
}

func ExampleTimings_Slowest() {
	fmt.Println(timed().Slowest().Stage)
	// Output: second
}

func ExampleTimings_Fastest() {
	fmt.Println(timed().Fastest().Stage)
	// Output: first
}

func ExampleTimings_String() {
	for line := range strings.Lines(timed().String()) {
		fmt.Println(strings.Fields(line)[0])
	}
	// Output:
	// stage
	// first
	// second
	// total
}

func ExampleLedger_Balance() {
	l := stages.Ledger{In: 10, Out: 7, Failed: 1}
	fmt.Println(l.Balance(), "are inside")
	// Output: 2 are inside
}

func ExampleLedger_Check() {
	fmt.Println(stages.Ledger{In: 10, Out: 7, Filtered: 3}.Check())
	fmt.Println(stages.Ledger{In: 10, Out: 7}.Check() != nil)
	// Output:
	// <nil>
	// true
}

func ExampleLedger_Plus() {
	morning, evening := stages.Ledger{In: 2, Out: 2}, stages.Ledger{In: 3, Out: 2, Filtered: 1}
	day := morning.Plus(evening)
	fmt.Println(day.In, day.Out, day.Filtered)
	// Output: 5 4 1
}

// An item's failure says where, why and, apart from its text, what.
func ExampleItemError_Error() {
	err := run(stages.Slice([]float64{0}), reciprocals, show[float64]())
	fmt.Println(err)
	var item *stages.ItemError
	if errors.As(err, &item) {
		fmt.Println(item.Stage, item.Value, item.Attempts)
	}
	// Output:
	// stage "stage": division by zero
	// stage 0 1
}

func ExampleItemError_Unwrap() {
	cut := stages.Map(func(context.Context, int) (int, error) { return 0, io.ErrUnexpectedEOF })
	err := run(stages.Slice([]int{1}), cut, show[int]())
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output: true
}

func ExamplePanicError_Error() {
	err := run(stages.Slice([]int{1}), stages.Map(func(context.Context, int) (int, error) { panic("out of cheese") }), show[int]())
	var p *stages.PanicError
	fmt.Println(errors.As(err, &p))
	fmt.Println(p)
	// Output:
	// true
	// panic in stage "stage": out of cheese
}

func ExamplePanicError_Unwrap() {
	err := run(stages.Slice([]int{1}), stages.Map(func(context.Context, int) (int, error) { panic(io.ErrClosedPipe) }), show[int]())
	fmt.Println(errors.Is(err, io.ErrClosedPipe))
	// Output: true
}

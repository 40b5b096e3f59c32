package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// hooks is a layer of functions, for those that have no state.
type hooks struct {
	request, response func(*stages.Port[int], *stages.Exchange[int])
}

func (h hooks) Open(p *stages.Port[int]) (stages.Handler[int], error) {
	return &hooked{h, p}, nil
}

type hooked struct {
	hooks
	port *stages.Port[int]
}

func (h *hooked) Request(x *stages.Exchange[int]) {
	if h.request != nil {
		h.request(h.port, x)
		return
	}
	h.port.Down(x)
}

func (h *hooked) Response(x *stages.Exchange[int]) {
	if h.response != nil {
		h.response(h.port, x)
		return
	}
	h.port.Up(x)
}

// calls runs the values through a section around double, with an own layer.
func calls(values []int, layers ...stages.Layer[int]) {
	fmt.Println(run(stages.Slice(values), stages.Section(layers, double), show[int]()))
}

func ExamplePort_Down() {
	calls([]int{1, -2}, hooks{request: func(p *stages.Port[int], x *stages.Exchange[int]) {
		x.Value = max(x.Value, 0) // a layer may replace the request
		p.Down(x)
	}})
	// Output:
	// 2
	// 0
	// <nil>
}

func ExamplePort_Up() {
	calls([]int{1, 2}, hooks{request: func(p *stages.Port[int], x *stages.Exchange[int]) {
		if x.Value == 1 {
			x.Reject(stages.ErrDrop) // answered here, without a call
			p.Up(x)
			return
		}
		p.Down(x)
	}})
	// Output:
	// 4
	// <nil>
}

func ExamplePort_Stage() {
	calls([]int{1}, hooks{request: func(p *stages.Port[int], x *stages.Exchange[int]) {
		fmt.Println("in", p.Stage())
		p.Down(x)
	}})
	// Output:
	// in stage
	// 2
	// <nil>
}

// The context ends when the flow is aborted; a layer that asks others passes it.
func ExamplePort_Context() {
	calls([]int{1}, hooks{request: func(p *stages.Port[int], x *stages.Exchange[int]) {
		fmt.Println(p.Context().Err())
		p.Down(x)
	}})
	// Output:
	// <nil>
	// 2
	// <nil>
}

// A slice of the capacity has a place for what is known of each exchange.
func ExamplePort_Capacity() {
	var begun []time.Time
	calls([]int{1}, stages.Guard[int](guard.Limit(8)), hooks{
		request: func(p *stages.Port[int], x *stages.Exchange[int]) {
			if begun == nil {
				begun = make([]time.Time, p.Capacity())
			}
			begun[x.Slot()] = time.Now()
			p.Down(x)
		},
		response: func(p *stages.Port[int], x *stages.Exchange[int]) {
			fmt.Println(len(begun), time.Since(begun[x.Slot()]) > 0)
			p.Up(x)
		},
	})
	// Output:
	// 8 true
	// 2
	// <nil>
}

// pause is a layer that keeps each request for a while, and tells what it saw.
type pause struct{ d time.Duration }

func (l pause) Open(p *stages.Port[int]) (stages.Handler[int], error) {
	return &pausing{d: l.d, port: p}, nil
}

type pausing struct {
	d    time.Duration
	port *stages.Port[int]
	kept []*stages.Exchange[int]
	n    int
}

func (h *pausing) Request(x *stages.Exchange[int]) {
	if h.kept = append(h.kept, x); len(h.kept) == 1 {
		h.port.WakeIn(h.d)
	}
}

func (h *pausing) Wake() {
	for _, x := range h.kept {
		h.port.Down(x)
	}
	h.n += len(h.kept)
	h.kept = nil
}

func (h *pausing) Response(x *stages.Exchange[int]) { h.port.Up(x) }
func (h *pausing) Close()                           { fmt.Println("closed") }
func (h *pausing) Observe() any                     { return fmt.Sprint("paused ", h.n) }

func ExamplePort_WakeIn() {
	begun := time.Now()
	calls([]int{1, 2}, pause{5 * time.Millisecond})
	fmt.Println(time.Since(begun) >= 5*time.Millisecond)
	// Unordered output:
	// 2
	// 4
	// closed
	// <nil>
	// true
}

// lookup is a layer that asks somebody else first, from another goroutine.
type lookup struct{ port *stages.Port[int] }

func (lookup) Open(p *stages.Port[int]) (stages.Handler[int], error) { return lookup{p}, nil }

func (h lookup) Request(x *stages.Exchange[int]) {
	go func() {
		time.Sleep(time.Millisecond) // an answer takes its time
		h.port.Resume(x)
	}()
}

func (h lookup) Resumed(x *stages.Exchange[int])  { h.port.Down(x) }
func (h lookup) Response(x *stages.Exchange[int]) { h.port.Up(x) }

func ExamplePort_Resume() {
	calls([]int{1, 2, 3}, lookup{})
	// Output:
	// 2
	// 4
	// 6
	// <nil>
}

func ExampleExchange_Err() {
	calls([]int{1}, hooks{response: func(p *stages.Port[int], x *stages.Exchange[int]) {
		fmt.Println("the call ended with", x.Err())
		p.Up(x)
	}})
	// Output:
	// the call ended with <nil>
	// 2
	// <nil>
}

func ExampleExchange_Attempts() {
	section := stages.Section([]stages.Layer[int]{
		hooks{response: func(p *stages.Port[int], x *stages.Exchange[int]) {
			fmt.Println(x.Attempts(), "attempts")
			p.Up(x)
		}},
		stages.Retry[int](retry.Constant(3, time.Millisecond)),
	}, flaky())
	_ = run(stages.Slice([]int{7}), section, show[int]())
	// Output:
	// 2 attempts
	// 7
}

func ExampleExchange_Slot() {
	calls([]int{1, 2}, stages.Guard[int](guard.Limit(1)), hooks{request: func(p *stages.Port[int], x *stages.Exchange[int]) {
		fmt.Println(x.Value, "in slot", x.Slot())
		p.Down(x)
	}})
	// Unordered output:
	// 1 in slot 0
	// 2
	// 2 in slot 0
	// 4
	// <nil>
}

func ExampleExchange_Reject() {
	calls([]int{1}, hooks{response: func(p *stages.Port[int], x *stages.Exchange[int]) {
		x.Reject(errors.New("a good answer, but not for us"))
		p.Up(x)
	}})
	// Output: stage "stage": a good answer, but not for us
}

// memo is a layer that keeps one answer for good, whatever its type.
type memo struct {
	port *stages.Port[int]
	kept *stages.Answer
}

func (*memo) Open(p *stages.Port[int]) (stages.Handler[int], error) { return &memo{port: p}, nil }

func (h *memo) Request(x *stages.Exchange[int]) {
	if h.kept == nil {
		h.port.Down(x)
		return
	}
	x.Adopt(*h.kept)
	h.port.Up(x)
}

func (h *memo) Response(x *stages.Exchange[int]) {
	if x.Err() == nil {
		a := x.Answer()
		h.kept = &a
	}
	h.port.Up(x)
}

func ExampleExchange_Answer() {
	calls([]int{5}, &memo{})
	// Output:
	// 10
	// <nil>
}

func ExampleExchange_Adopt() {
	first := make(chan bool)
	section := stages.Section([]stages.Layer[int]{&memo{}}, double)
	src := stages.SourceFunc[int](func(_ context.Context, out *stages.Outlet[int]) error {
		out.Emit(5)
		<-first
		out.Emit(6) // is given the answer to 5
		return nil
	})
	n := 0
	_ = run(src, section, stages.ForEach(func(_ context.Context, v int) error {
		fmt.Println(v)
		if n++; n == 1 {
			close(first)
		}
		return nil
	}))
	// Output:
	// 10
	// 10
}

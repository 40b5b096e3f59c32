package stages_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// flaky fails each value the first time.
func flaky() func(context.Context, int) (int, error) {
	seen := map[int]bool{}
	return func(_ context.Context, v int) (int, error) {
		if !seen[v] {
			seen[v] = true
			return 0, errors.New("try again")
		}
		return v, nil
	}
}

func ExampleSection() {
	calls := stages.Section([]stages.Layer[int]{
		stages.Guard[int](guard.Limit(8)),
		stages.Dedup(dedup.Window(time.Minute), func(v int) int { return v }),
		stages.Breaker[int](breaker.Consecutive("service", 5, time.Second)),
		stages.Retry[int](retry.Exponential(3, time.Millisecond)),
	}, flaky())
	fmt.Println(run(stages.Slice([]int{1, 2, 1}), calls, show[int]()))
	// Output:
	// 1
	// 2
	// 1
	// <nil>
}

func ExampleEnrich() {
	// The values of a decade share a call.
	decade := func(v int) int { return v / 10 }
	calls := stages.Enrich([]stages.Layer[int]{stages.Dedup(dedup.Window(time.Minute), decade)},
		func(_ context.Context, v int) (string, error) { return fmt.Sprintf("the %ds", v/10*10), nil },
		func(v int, shared string) string { return fmt.Sprint(v, " is of ", shared) })
	_ = run(stages.Slice([]int{61, 68, 72}), calls, show[string]())
	// Output:
	// 61 is of the 60s
	// 68 is of the 60s
	// 72 is of the 70s
}

func ExampleGuard() {
	limit, _ := guard.New(guard.Limit(2)) // to be shared, and looked at
	calls := stages.Section([]stages.Layer[int]{stages.Guard[int](limit)}, double)
	_ = run(stages.Slice([]int{1, 2}), calls, show[int]())
	fmt.Println(limit.Snapshot().Admitted, "admitted")
	// Output:
	// 2
	// 4
	// 2 admitted
}

func ExampleDedup() {
	n := 0
	calls := stages.Section([]stages.Layer[int]{
		stages.Dedup(dedup.Window(time.Minute), func(v int) int { return v }),
	}, func(_ context.Context, v int) (int, error) { n++; return v, nil })
	_ = run(stages.Slice([]int{7, 7, 7}), calls, show[int]())
	fmt.Println(n, "call")
	// Output:
	// 7
	// 7
	// 7
	// 1 call
}

func ExampleBreaker() {
	service, _ := breaker.New(breaker.Consecutive("service", 2, time.Hour))
	calls := stages.Section([]stages.Layer[int]{stages.Breaker[int](service)},
		func(context.Context, int) (int, error) { return 0, errors.New("down") })
	_ = run(stages.Slice([]int{1, 2}), calls, show[int]())
	fmt.Println(service.State())
	// Output: open
}

func ExampleRetry() {
	calls := stages.Section([]stages.Layer[int]{stages.Retry[int](retry.Constant(2, time.Millisecond))}, flaky())
	_ = run(stages.Slice([]int{1, 2}), calls, show[int]())
	// Output:
	// 1
	// 2
}

func ExampleHold() {
	service, _ := breaker.New(breaker.Consecutive("service", 1, time.Millisecond))
	service.Trip()
	calls := stages.Section([]stages.Layer[int]{stages.Breaker[int](service, stages.Hold())}, double)
	_ = run(stages.Slice([]int{1, 2}), calls, show[int]()) // waits until it closes
	// Output:
	// 2
	// 4
}

// limitTo is a layer of one's own: it answers for values above a limit itself.
type limitTo int

func (l limitTo) Open(p *stages.Port[int]) (stages.Handler[int], error) {
	return &atMost{limit: int(l), port: p}, nil
}

type atMost struct {
	limit int
	port  *stages.Port[int]
}

func (h *atMost) Request(x *stages.Exchange[int]) {
	if x.Value > h.limit {
		x.Reject(stages.ErrDrop)
		h.port.Up(x)
		return
	}
	h.port.Down(x)
}

func (h *atMost) Response(x *stages.Exchange[int]) { h.port.Up(x) }

func ExampleLayer() {
	calls := stages.Section([]stages.Layer[int]{limitTo(2)}, double)
	_ = run(stages.Slice([]int{1, 2, 3}), calls, show[int]())
	// Output:
	// 2
	// 4
}

package guard_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func ExampleWeight() {
	g := guard.Of(guard.Limit(10))
	p, _ := g.TryAcquire(guard.Weight(7))
	_, err := g.TryAcquire(guard.Weight(4))
	fmt.Println(err)
	p.Release()
	fmt.Println(g.Snapshot().Depth)
	// Output:
	// guard: shed, 7 of 10 in flight
	// 0
}

func ExampleGuard_Resize() {
	g := guard.Of(guard.Limit(2))
	g.TryAcquire()
	g.TryAcquire()
	fmt.Println(g.Resize(1), g.Snapshot().Depth, g.Capacity())
	fmt.Println(g.Resize(0))
	// Output:
	// <nil> 2 1
	// guard: invalid policy: capacity 0 is below 1
}

func ExampleGuard_MaxCapacity() {
	fixed := guard.Of(guard.Limit(20))
	adaptive := guard.Of(guard.Limit(20, guard.Adaptive(guard.Vegas(), 5, 200)))
	fmt.Println(fixed.MaxCapacity(), adaptive.MaxCapacity())
	// Output: 20 200
}

func ExampleAdaptive() {
	g, err := guard.New(guard.Limit(20, guard.Name("model"), guard.Adaptive(guard.Gradient2(), 5, 200)))
	if err != nil {
		fmt.Println(err)
		return
	}
	// Do tells the guard how long the call took and how it ended.
	_, err = g.Do(context.Background(), func(context.Context) (string, error) { return "forty-two", nil })
	fmt.Println(err, g.Capacity())
	// Output: <nil> 20
}

func ExampleAIMD() {
	// A quarter less after a window with losses. A call above a second is a loss.
	p := guard.Limit(20, guard.Adaptive(guard.AIMD(0.75, time.Second), 5, 200))
	fmt.Println(p.Validate())
	fmt.Println(guard.Limit(20, guard.Adaptive(guard.AIMD(2, 0), 5, 200)).Validate())
	// Output:
	// <nil>
	// guard: invalid policy: AIMD's backoff 2 is not within 0.5 to below 1
}

func ExampleVegas() {
	fmt.Println(guard.Limit(20, guard.Adaptive(guard.Vegas(), 5, 200)).Validate())
	// Output: <nil>
}

func ExampleGradient2() {
	fmt.Println(guard.Limit(20, guard.Adaptive(guard.Gradient2(), 50, 200)).Validate())
	// Output: guard: invalid policy: capacity 20 is outside the bounds 50 to 200
}

func ExampleClassify() {
	notFound := errors.New("404")
	g := guard.Of(guard.Limit(20, guard.Adaptive(guard.Vegas(), 5, 200),
		guard.Classify(func(ctx context.Context, err error) outcome.Outcome {
			if errors.Is(err, notFound) { // an answer, and no sign of load
				return outcome.Outcome{Kind: outcome.Success}
			}
			return outcome.Classify(ctx, err)
		})))
	_, err := g.Do(context.Background(), func(context.Context) (string, error) { return "", notFound })
	fmt.Println(err)
	// Output: 404
}

func ExamplePermit_Done() {
	g := guard.Of(guard.Limit(20, guard.Adaptive(guard.Vegas(), 5, 200)))
	ctx := context.Background()
	p, err := g.Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = errors.New("connection refused") // what the call has returned
	fmt.Println(p.Done(ctx, err))
	fmt.Println(p.Release())
	// Output:
	// true
	// false
}

package guard_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
)

func Example() {
	g, err := guard.New(guard.Limit(64, guard.Name("model")))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := g.Do(context.Background(), func(ctx context.Context) (string, error) {
		return "forty-two", nil // at most 64 callers are here at once
	})
	fmt.Println(answer, err)
	// Output: forty-two <nil>
}

func ExampleNew() {
	_, err := guard.New(guard.Limit(0, guard.Name("model")))
	fmt.Println(err)
	// Output: guard "model": invalid policy: capacity 0 is below 1
}

func ExampleLimit() {
	g := guard.Of(guard.Limit(2))
	fmt.Println(g.Capacity())
	// Output: 2
}

func ExampleName() {
	g := guard.Of(guard.Limit(2, guard.Name("model")))
	fmt.Println(g.Snapshot().Name)
	// Output: model
}

func ExampleSoftLimit() {
	hook := func(c guard.Crossing) {
		fmt.Printf("%s: depth %d of %d, above %t\n", c.Name, c.Depth, c.Capacity, c.Above)
	}
	g := guard.Of(guard.Limit(3, guard.Name("model"), guard.SoftLimit(2, hook)))
	g.TryAcquire()
	second, _ := g.TryAcquire()
	third, _ := g.TryAcquire()
	third.Release()
	second.Release()
	// Output:
	// model: depth 2 of 3, above true
	// model: depth 1 of 3, above false
}

func ExampleShedding() {
	g := guard.Of(guard.Limit(1, guard.Shedding()))
	g.TryAcquire()
	_, err := g.Do(context.Background(), func(context.Context) (string, error) { return "never", nil })
	fmt.Println(err)
	// Output: guard: shed, 1 of 1 in flight
}

func ExamplePolicy_Validate() {
	fmt.Println(guard.Limit(4).Validate())
	fmt.Println(guard.Limit(4, guard.SoftLimit(4, nil)).Validate())
	// Output:
	// <nil>
	// guard: invalid policy: soft limit 4 is not below the capacity 4
}

func ExamplePolicy_Sheds() {
	fmt.Println(guard.Limit(4).Sheds(), guard.Limit(4, guard.Shedding()).Sheds())
	// Output: false true
}

func ExamplePolicy_Guard() {
	policy := guard.Limit(4)
	a, _ := policy.Guard()
	b, _ := policy.Guard()
	fmt.Println("the same guard:", a == b)
	// Output: the same guard: false
}

func ExampleSource() {
	capacity := func(s guard.Source) int {
		g, err := s.Guard()
		if err != nil {
			return 0
		}
		return g.Capacity()
	}
	shared := guard.Of(guard.Limit(8))
	fmt.Println(capacity(guard.Limit(4)), capacity(shared))
	// Output: 4 8
}

func ExampleGuard_Acquire() {
	g := guard.Of(guard.Limit(1, guard.Name("model")))
	p, err := g.Acquire(context.Background())
	if err != nil {
		return // the context was over first
	}
	defer p.Release()

	impatient, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = g.Acquire(impatient)
	fmt.Println(err)
	// Output: guard "model": wait for a permit: context canceled
}

func ExampleGuard_TryAcquire() {
	g := guard.Of(guard.Limit(1))
	p, _ := g.TryAcquire()
	_, err := g.TryAcquire()
	fmt.Println(errors.Is(err, guard.ErrShed))
	p.Release()
	_, err = g.TryAcquire()
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleGuard_Do() {
	g := guard.Of(guard.Limit(1))
	n, err := g.Do(context.Background(), func(context.Context) (int, error) {
		return g.Snapshot().Depth, nil
	})
	fmt.Println(n, err, g.Snapshot().Depth)
	// Output: 1 <nil> 0
}

func ExampleGuard_Capacity() {
	g := guard.Of(guard.Limit(64))
	fmt.Println(g.Capacity())
	// Output: 64
}

func ExampleGuard_Sheds() {
	g := guard.Of(guard.Limit(64, guard.Shedding()))
	fmt.Println(g.Sheds())
	// Output: true
}

func ExampleGuard_Guard() {
	g := guard.Of(guard.Limit(64))
	same, _ := g.Guard()
	fmt.Println("the same guard:", g == same)
	// Output: the same guard: true
}

func ExampleGuard_Snapshot() {
	g := guard.Of(guard.Limit(1))
	g.TryAcquire()
	g.TryAcquire()
	s := g.Snapshot()
	fmt.Println("depth", s.Depth, "admitted", s.Admitted, "shed", s.Shed)
	// Output: depth 1 admitted 1 shed 1
}

func ExamplePermit_Release() {
	g := guard.Of(guard.Limit(2))
	p, _ := g.TryAcquire()
	g.TryAcquire()
	twin := p
	fmt.Println(p.Release(), p.Release(), twin.Release(), g.Snapshot().Depth)
	// Output: true false false 1
}

// A snapshot of one permit in use out of four, with a soft limit of two.
var quarter = guard.Snapshot{Capacity: 4, SoftLimit: 2, Depth: 1}

func ExampleSnapshot_Available() {
	fmt.Println(quarter.Available())
	// Output: 3
}

func ExampleSnapshot_Full() {
	fmt.Println(quarter.Full())
	// Output: false
}

func ExampleSnapshot_Empty() {
	fmt.Println(quarter.Empty())
	// Output: false
}

func ExampleSnapshot_Utilization() {
	fmt.Println(quarter.Utilization())
	// Output: 0.25
}

func ExampleSnapshot_Headroom() {
	fmt.Println(quarter.Headroom())
	// Output: 0.75
}

func ExampleSnapshot_SoftRatio() {
	fmt.Println(quarter.SoftRatio())
	// Output: 0.5
}

func ExampleShedError() {
	g := guard.Of(guard.Limit(1, guard.Name("model")))
	g.TryAcquire()
	_, err := g.TryAcquire()
	if shed, ok := errors.AsType[*guard.ShedError](err); ok {
		fmt.Println(shed.Name, shed.Depth, shed.Capacity, shed.Outcome().Kind)
	}
	fmt.Println(err)
	// Output:
	// model 1 1 ignored
	// guard "model": shed, 1 of 1 in flight
}

func ExampleWaitError() {
	g := guard.Of(guard.Limit(1, guard.Name("model")))
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	_, err := g.Acquire(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	fmt.Println(outcome.Classify(ctx, err).Kind)
	// Output:
	// true
	// ignored
}

func ExamplePolicyError() {
	err := guard.Limit(0, guard.Name("model")).Validate()
	if bad, ok := errors.AsType[*guard.PolicyError](err); ok {
		fmt.Println(bad.Name, "-", bad.Err)
	}
	// Output: model - capacity 0 is below 1
}

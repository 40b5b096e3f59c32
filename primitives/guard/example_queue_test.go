package guard_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/guard"
)

// line lets callers wait for the one permit of a guard, and prints in which order
// they get it.
func line(g *guard.Guard, callers ...[]guard.CallOption) {
	p, _ := g.TryAcquire()
	served := make(chan int)
	for i, opts := range callers {
		go func() {
			p, _ := g.Acquire(context.Background(), opts...)
			served <- i + 1
			p.Release()
		}()
		for g.Snapshot().Waiting == i {
			time.Sleep(time.Millisecond) // until it has come
		}
	}
	p.Release()
	order := make([]int, len(callers))
	for i := range order {
		order[i] = <-served
	}
	fmt.Println(order)
}

func ExampleQueue() {
	for _, order := range []guard.Order{guard.FIFO, guard.LIFO} {
		g := guard.Of(guard.Limit(1, guard.Queue(order)))
		line(g, nil, nil, nil)
	}
	// Output:
	// [1 2 3]
	// [3 2 1]
}

func ExampleOrder_String() {
	fmt.Println(guard.FIFO, guard.LIFO, guard.AdaptiveLIFO)
	// Output: FIFO LIFO adaptive LIFO
}

func ExamplePriority() {
	g := guard.Of(guard.Limit(1, guard.HeadStart(time.Minute)))
	line(g, []guard.CallOption{guard.Priority(guard.Low)}, nil, []guard.CallOption{guard.Priority(guard.High)})
	// Output: [3 2 1]
}

func ExampleHeadStart() {
	// Without a head start, levels change nothing.
	g := guard.Of(guard.Limit(1))
	line(g, []guard.CallOption{guard.Priority(guard.Low)}, nil, []guard.CallOption{guard.Priority(guard.High)})
	fmt.Println(guard.Limit(1, guard.HeadStart(-time.Second)).Validate())
	// Output:
	// [1 2 3]
	// guard: invalid policy: head start -1s is not within 1ns to 8760h0m0s
}

func ExampleLevel_String() {
	fmt.Println(guard.Low, guard.Normal, guard.High)
	// Output: low normal high
}

func ExampleMaxQueue() {
	g := guard.Of(guard.Limit(1, guard.MaxQueue(0)))
	g.TryAcquire()
	_, err := g.Acquire(context.Background())
	fmt.Println(err)
	// Output: guard: shed, 1 of 1 in flight, queue full
}

func ExampleCoDel() {
	g := guard.Of(guard.Limit(1, guard.CoDel(time.Millisecond, 5*time.Millisecond)))
	p, _ := g.TryAcquire()
	errs := make(chan error)
	wait := func() {
		p, err := g.Acquire(context.Background())
		errs <- err
		p.Release()
	}
	come := func(n int) {
		for s := g.Snapshot(); s.Waiting+int(s.Shed) < n; s = g.Snapshot() {
			time.Sleep(time.Millisecond)
		}
	}
	for n := range 2 {
		go wait()
		come(n + 1)
	}
	time.Sleep(10 * time.Millisecond)
	go wait() // the first look at a queue that is too long
	come(3)
	time.Sleep(10 * time.Millisecond) // and it has stood for an interval
	p.Release()
	fmt.Println(<-errs)
	fmt.Println(<-errs)
	fmt.Println(<-errs)
	// Unordered output:
	// guard: shed, 1 of 1 in flight, waited too long
	// guard: shed, 1 of 1 in flight, waited too long
	// <nil>
}

func ExampleDeadlines() {
	g := guard.Of(guard.Limit(1, guard.Deadlines()))
	g.Do(context.Background(), func(context.Context) (int, error) {
		time.Sleep(400 * time.Millisecond) // long, so that the deadline below is not over too early
		return 0, nil
	})
	g.TryAcquire()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := g.Acquire(ctx) // at once: a call takes twice as long
	if shed, ok := err.(*guard.ShedError); ok {
		fmt.Println(shed.Reason, shed.After >= 400*time.Millisecond)
	}
	// Output: deadline too near true
}

package flowtest

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

// Fault is what happens to one call of a function. The zero Fault lets it pass.
type Fault struct {
	// Delay passes before all else. If the context ends earlier, its error is
	// returned.
	Delay time.Duration
	// Hang waits until the context ends, and returns its error.
	Hang bool
	// Err is returned in place of calling the function.
	Err error
	// Panic, if it is not nil, is the value of a panic.
	Panic any
	// Goexit ends the goroutine, as a test's FailNow does.
	Goexit bool
}

// Inject returns f with the faults that plan returns. plan is called for each call,
// with the number of the call, from 1 on. It runs in the goroutine of the call, and
// must be safe for concurrent use if the function is called concurrently. A nil plan
// lets all calls pass.
func Inject[I, O any](f func(context.Context, I) (O, error), plan func(n int) Fault) func(context.Context, I) (O, error) {
	if plan == nil {
		return f
	}
	var calls atomic.Int64
	return func(ctx context.Context, v I) (O, error) {
		if err := plan(int(calls.Add(1))).strike(ctx); err != nil {
			var none O
			return none, err
		}
		return f(ctx, v)
	}
}

// strike carries out the fault.
func (f Fault) strike(ctx context.Context) error {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch {
	case f.Hang:
		<-ctx.Done()
		return ctx.Err()
	case f.Panic != nil:
		panic(f.Panic)
	case f.Goexit:
		runtime.Goexit()
	}
	return f.Err
}

// InOrder is a plan by script: the n-th call meets the n-th fault, and those after
// the last one pass.
func InOrder(faults ...Fault) func(n int) Fault {
	return func(n int) Fault {
		if n > len(faults) {
			return Fault{}
		}
		return faults[n-1]
	}
}

// AtRandom is a plan by chance: a call meets one of the faults with the given
// probability. Which one depends on the seed and on the call's number alone, so that
// a test that fails can be run again.
func AtRandom(seed uint64, probability float64, faults ...Fault) func(n int) Fault {
	return func(n int) Fault {
		dice := rand.New(rand.NewPCG(seed, uint64(n)))
		if len(faults) == 0 || dice.Float64() >= probability {
			return Fault{}
		}
		return faults[dice.IntN(len(faults))]
	}
}

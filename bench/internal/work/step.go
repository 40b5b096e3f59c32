package work

import (
	"context"
	"iter"
	"time"
)

// Step is what a stage does with an item. All steps add 1.
type Step = func(context.Context, int) (int, error)

// Run brings the numbers 0 to n-1 through an implementation.
type Run = func(n int) Haul

// Increment is the step that does nothing else. It is not inlined, so that
// plain loops also make calls.
//
//go:noinline
func Increment(_ context.Context, v int) (int, error) { return v + 1, nil }

// Nap returns a step that sleeps for d, as a call to a remote service does.
func Nap(d time.Duration) Step {
	return func(ctx context.Context, v int) (int, error) {
		time.Sleep(d)
		return Increment(ctx, v)
	}
}

// Naturals yields 0 to n-1.
func Naturals(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

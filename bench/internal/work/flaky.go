package work

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrFirst is the error of a first try.
var ErrFirst = errors.New("the first try fails")

// Flaky returns a step that fails the first time for one number in ten of 0 to
// n-1, and is f otherwise. A step is good for one run.
func Flaky(n int, f Step) Step {
	failed := make([]atomic.Bool, (n+9)/10)
	return func(ctx context.Context, v int) (int, error) {
		if v%10 == 0 && failed[v/10].CompareAndSwap(false, true) {
			return 0, ErrFirst
		}
		return f(ctx, v)
	}
}

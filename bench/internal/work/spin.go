package work

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errSpin = errors.New("xorshift is at 0, which it never reaches")

// Spin returns a step that keeps a processor busy for d.
func Spin(d time.Duration) Step {
	turns := int(float64(d) * turnsPerNanosecond())
	return func(ctx context.Context, v int) (int, error) {
		if spin(turns) == 0 {
			return 0, errSpin
		}
		return Increment(ctx, v)
	}
}

// spin takes so many turns of xorshift. Each depends on the one before, so that
// the compiler cannot leave any out.
//
//go:noinline
func spin(turns int) uint64 {
	x := uint64(88172645463325252)
	for range turns {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// turnsPerNanosecond takes the best of several measurements: a disturbance only
// ever makes one longer.
var turnsPerNanosecond = sync.OnceValue(func() float64 {
	const turns = 100_000
	best := time.Hour
	for range 20 {
		begin := time.Now()
		if spin(turns) != 0 {
			best = min(best, time.Since(begin))
		}
	}
	return turns / float64(best)
})

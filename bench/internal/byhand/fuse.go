package byhand

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/bench/internal/work"
)

// ErrOpen is the error of a call that an open fuse rejects.
var ErrOpen = errors.New("the fuse is open")

const (
	failuresToOpen = 5
	openFor        = 10 * time.Second
)

// fuse is a breaker: it opens after some failures in a row, lets one probe
// through when its time has passed, and closes when a call succeeds.
type fuse struct {
	failures atomic.Int64 // in a row
	until    atomic.Int64 // in Unix nanoseconds; 0 is closed
}

func (b *fuse) do(ctx context.Context, v int, f work.Step) (int, error) {
	if until := b.until.Load(); until != 0 && !b.probe(until) {
		return 0, ErrOpen
	}
	got, err := f(ctx, v)
	switch {
	case err != nil:
		if b.failures.Add(1) >= failuresToOpen {
			b.until.Store(time.Now().Add(openFor).UnixNano())
		}
	case b.failures.Load() != 0 || b.until.Load() != 0:
		b.failures.Store(0)
		b.until.Store(0)
	}
	return got, err
}

// probe reports whether the caller may try an open fuse: the first one may when
// the time has passed, and shuts out the others for as long again.
func (b *fuse) probe(until int64) bool {
	now := time.Now()
	return now.UnixNano() >= until && b.until.CompareAndSwap(until, now.Add(openFor).UnixNano())
}

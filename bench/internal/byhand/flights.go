package byhand

import (
	"context"
	"sync"

	"github.com/weir-go/weir/bench/internal/work"
)

// flights are the calls under way, by their number, in shards with a lock each.
type flights [16]struct {
	mu    sync.Mutex
	calls map[int]*flight
	_     [48]byte // the next shard is in another cache line
}

// flight is a call that others may wait for.
type flight struct {
	landed chan struct{} // made by the first that waits
	value  int
	err    error
}

func newFlights() *flights {
	var fs flights
	for i := range fs {
		fs[i].calls = map[int]*flight{}
	}
	return &fs
}

// do calls f, or waits for a call with the same number.
func (fs *flights) do(ctx context.Context, v int, f work.Step) (int, error) {
	s := &fs[uint64(v)*0x9E3779B97F4A7C15>>60]
	s.mu.Lock()
	if c := s.calls[v]; c != nil {
		if c.landed == nil {
			c.landed = make(chan struct{})
		}
		s.mu.Unlock()
		return c.wait(ctx)
	}
	c := &flight{}
	s.calls[v] = c
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.calls, v)
		if c.landed != nil {
			close(c.landed)
		}
		s.mu.Unlock()
	}()
	c.value, c.err = f(ctx, v)
	return c.value, c.err
}

func (c *flight) wait(ctx context.Context) (int, error) {
	select {
	case <-c.landed:
		return c.value, c.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

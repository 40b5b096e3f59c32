package dedup

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// expiry is the parent of a context that may end by a deadline which moves while it
// lasts. A context of the standard library cannot: its deadline is fixed when it is
// made. With expiry above it, it ends with context.DeadlineExceeded when pass is
// called, and so do all contexts derived from it.
type expiry struct {
	context.Context // whose values it has
	done            chan struct{}
	past            atomic.Pointer[context.Context] // nil until the deadline has passed

	mu    sync.Mutex
	child func() // ends the context below
}

func newExpiry(values context.Context) *expiry {
	return &expiry{Context: values, done: make(chan struct{})}
}

// pass ends the contexts below with context.DeadlineExceeded. It is called once.
func (e *expiry) pass(cause error) {
	past, cancel := context.WithDeadlineCause(e.Context, time.Time{}.Add(1), cause)
	cancel()
	e.past.Store(&past)
	close(e.done)
	e.mu.Lock()
	child := e.child
	e.mu.Unlock()
	if child != nil {
		child()
	}
}

func (e *expiry) Done() <-chan struct{} { return e.done }

func (e *expiry) Err() error {
	if e.past.Load() == nil {
		return nil
	}
	return context.DeadlineExceeded
}

// Value leads [context.Cause] to the cause.
func (e *expiry) Value(key any) any {
	if past := e.past.Load(); past != nil {
		return (*past).Value(key)
	}
	return e.Context.Value(key)
}

// AfterFunc spares the context package a goroutine that waits for Done. There is one
// context below.
func (e *expiry) AfterFunc(f func()) (stop func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.child = f
	return func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		stopped := e.child != nil
		e.child = nil
		return stopped
	}
}

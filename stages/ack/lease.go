package ack

import (
	"context"
	"sync"
	"time"
)

// Lease is a lease that is held, and the context of its delivery. The context has the values of
// the context given to [Leases.HoldAll] and no deadline. It ends when the lease ends.
type Lease[ID comparable] struct {
	of     *Leases[ID]
	id     ID
	until  time.Time // Guarded by: Leases.mu
	values context.Context

	mu     sync.Mutex // Guarded by: mu, all fields below
	std    context.Context
	cancel context.CancelCauseFunc
	over   bool
	cause  error
}

// ID returns what the queue calls the delivery.
func (h *Lease[ID]) ID() ID { return h.id }

// End ends the lease, which is not needed any more, and the context. Only its first call counts.
func (h *Lease[ID]) End() {
	l := h.of
	l.mu.Lock()
	if l.held[h.id] == h {
		delete(l.held, h.id)
	}
	l.mu.Unlock()
	h.end(nil)
}

// end ends the context.
func (h *Lease[ID]) end(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	h.over, h.cause = true, cause
	switch {
	case h.cancel != nil:
		h.cancel(cause)
	case cause != nil: // package context asks the other context for the cause
		h.standard()
	}
}

// standard returns an equivalent context of the standard library. Package context knows it, so
// contexts that are derived from it need no goroutine. The caller holds the mutex.
func (h *Lease[ID]) standard() context.Context {
	if h.std == nil {
		h.std, h.cancel = context.WithCancelCause(h.values)
		if h.over {
			h.cancel(h.cause)
		}
	}
	return h.std
}

// Deadline implements [context.Context]: there is none.
func (h *Lease[ID]) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (h *Lease[ID]) Done() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.standard().Done()
}

// Err implements [context.Context].
func (h *Lease[ID]) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return context.Canceled
	}
	return nil
}

// Value implements [context.Context].
func (h *Lease[ID]) Value(key any) any {
	h.mu.Lock()
	ctx := h.std
	h.mu.Unlock()
	if ctx == nil {
		ctx = h.values
	}
	return ctx.Value(key)
}

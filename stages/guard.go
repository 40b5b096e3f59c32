package stages

import (
	"context"
	"errors"

	"github.com/weir-go/weir/primitives/guard"
)

// Guard is the layer that lets at most the guard's capacity of items through at
// a time. With a [guard.Policy] the section has a guard of its own; a
// *[guard.Guard] can be shared with other sections and flows. An item that
// finds no slot waits, which is backpressure, or is shed with a
// *[guard.ShedError] where the policy says so. An adaptive guard learns from how
// long an item is below the layer, and how it comes back.
//
// As the outermost layer, the guard is the section's gate: it bounds how many
// items are inside in all. Further in, it limits what is below it, and what
// waits for it counts for the gate.
func Guard[I any](source guard.Source) Layer[I] { return &guardLayer[I]{source} }

type guardLayer[I any] struct{ source guard.Source }

// Validate implements [Validator].
func (l *guardLayer[I]) Validate() error {
	if l.source == nil {
		return errors.New("guard is nil")
	}
	_, err := l.source.Guard()
	return err
}

func (l *guardLayer[I]) Open(p *Port[I]) (Handler[I], error) {
	g, err := l.source.Guard()
	if err != nil {
		return nil, err
	}
	return &guardHandler[I]{port: p, guard: g, permits: make([]guard.Permit, p.Capacity())}, nil
}

// guardHandler is a guard that is not the outermost layer. A goroutine of its
// own waits for permits, in the order of the requests.
type guardHandler[I any] struct {
	port    *Port[I]
	guard   *guard.Guard
	permits []guard.Permit    // by slot
	queue   chan *Exchange[I] // holds all exchanges there are; nil until needed
	waiting int               // requests in the queue or on their way back
	done    chan struct{}     // the goroutine has returned
}

func (h *guardHandler[I]) Request(x *Exchange[I]) {
	if h.waiting == 0 || h.guard.Sheds() {
		permit, err := h.guard.TryAcquire()
		if err == nil {
			h.permits[x.Slot()] = permit
			h.port.Down(x)
			return
		}
		if h.guard.Sheds() {
			x.Reject(err)
			h.port.Up(x)
			return
		}
	}
	if h.queue == nil {
		h.queue, h.done = make(chan *Exchange[I], h.port.Capacity()), make(chan struct{})
		go h.acquire(h.port.Context())
	}
	h.waiting++
	h.queue <- x
}

// acquire waits for a permit for each exchange in the queue.
func (h *guardHandler[I]) acquire(ctx context.Context) {
	defer close(h.done)
	for x := range h.queue {
		permit, err := h.guard.Acquire(ctx)
		if err != nil {
			if ctx.Err() != nil {
				continue // the flow is aborted and takes the exchange back itself
			}
			x.Reject(err) // the guard does not let it wait any longer
		}
		h.permits[x.Slot()] = permit
		h.port.Resume(x)
	}
}

func (h *guardHandler[I]) Resumed(x *Exchange[I]) {
	h.waiting--
	if h.permits[x.Slot()] == (guard.Permit{}) {
		h.port.Up(x)
		return
	}
	h.port.Down(x)
}

func (h *guardHandler[I]) Response(x *Exchange[I]) {
	h.permits[x.Slot()].Done(h.port.Context(), x.Err())
	h.port.Up(x)
}

// Close ends the goroutine, and gives back the permits that came too late.
func (h *guardHandler[I]) Close() {
	if h.queue != nil {
		close(h.queue)
		<-h.done
	}
	for _, p := range h.permits {
		p.Release()
	}
}

// relinquish implements [relinquisher].
func (h *guardHandler[I]) relinquish() { h.Close() }

func (h *guardHandler[I]) Observe() any { return h.guard.Snapshot() }

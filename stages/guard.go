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
	h := &guardHandler[I]{port: p, guard: g, permits: make([]guard.Permit, p.Capacity())}
	h.turns = newTurns(p, h.acquire, func(p guard.Permit) { p.Release() })
	return h, nil
}

// guardHandler is a guard that is not the outermost layer. Requests wait for their
// permits in their order.
type guardHandler[I any] struct {
	port    *Port[I]
	guard   *guard.Guard
	permits []guard.Permit // by slot
	turns   *turns[I, guard.Permit]
}

func (h *guardHandler[I]) Request(x *Exchange[I]) {
	slot := x.Slot()
	if h.guard.Sheds() {
		permit, err := h.guard.TryAcquire()
		h.admitted(x, permit, err)
		return
	}
	// One that may wait is not shed, and does not count as such.
	if h.turns.waiting == 0 && h.guard.TryAcquireAll(h.permits[slot:slot+1]) == 1 {
		h.port.Down(x)
		return
	}
	h.turns.join(x, 1)
}

// admitted sends x on its way.
func (h *guardHandler[I]) admitted(x *Exchange[I], permit guard.Permit, err error) {
	if err != nil {
		x.Reject(err)
		h.port.Up(x)
		return
	}
	h.permits[x.Slot()] = permit
	h.port.Down(x)
}

// acquire waits for a permit. It may fail for another reason than that its context
// has ended: the guard may not let the request wait any longer.
func (h *guardHandler[I]) acquire(ctx context.Context, _ *turn[I, guard.Permit]) (guard.Permit, error) {
	return h.guard.Acquire(ctx)
}

func (h *guardHandler[I]) Resumed(x *Exchange[I]) {
	permit, err := h.turns.back(x)
	h.admitted(x, permit, err)
}

// leave is called with one that waits for its permit.
func (h *guardHandler[I]) leave(x *Exchange[I], why error) { h.turns.leave(x, why) }

func (h *guardHandler[I]) Response(x *Exchange[I]) {
	h.permits[x.Slot()].Done(h.port.Context(), x.Err())
	h.port.Up(x)
}

// Close ends the wait, and gives back the permits that nobody has given back.
func (h *guardHandler[I]) Close() {
	h.turns.close()
	for _, p := range h.permits {
		p.Release()
	}
}

// relinquish implements [relinquisher].
func (h *guardHandler[I]) relinquish() { h.Close() }

func (h *guardHandler[I]) Observe() any { return h.guard.Snapshot() }

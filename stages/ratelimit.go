package stages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
)

// RateLimit is the layer that keeps what is below it to a rate: an item goes down
// when the limiter has admitted its cost; 1 where cost is nil. Those that wait
// do so in the layer, in order, and hold no worker. With a [limiter.Policy] the
// section has a limiter of its own; a *[limiter.Limiter] can be shared and
// observed, and its rate changed.
//
// A call that fails as throttled, as one marked by [outcome.AsThrottled] does,
// makes everybody wait for the time it tells, not only the item that a [Retry]
// outside tries again. Inside a retry each try pays; outside, each item, once.
//
// The rate is the service's, so it holds also while the flow drains; an abort
// cuts the waits short. An item whose deadline would pass before its turn, when
// it is the first to wait, fails at once with [ErrExpired], or [ErrTimeout] where
// a [Timeout] outside set it. cost is called from the layer's goroutine and should
// be quick; a cost above the burst fails the item with a *[limiter.CostError].
func RateLimit[I any](source limiter.Source, cost func(I) int) Layer[I] {
	return &rateLayer[I]{source, cost}
}

type rateLayer[I any] struct {
	source limiter.Source
	cost   func(I) int
}

// Validate implements [Validator].
func (l *rateLayer[I]) Validate() error { return validLimiter(l.source) }

// validLimiter tells what is wrong with a source of limiters.
func validLimiter(source limiter.Source) error {
	if source == nil {
		return errors.New("limiter is nil")
	}
	_, err := source.Limiter()
	return err
}

func (l *rateLayer[I]) Open(p *Port[I]) (Handler[I], error) {
	lim, err := l.source.Limiter()
	if err != nil {
		return nil, err
	}
	return &rateHandler[I]{port: p, limiter: lim, cost: l.cost, faults: make([]error, p.Capacity())}, nil
}

// rateHandler limits a rate. A goroutine of its own waits for the limiter, in the
// order of the requests.
type rateHandler[I any] struct {
	port    *Port[I]
	limiter *limiter.Limiter
	cost    func(I) int
	faults  []error         // by slot: how a wait ended
	queue   chan charged[I] // holds all exchanges there are; nil until needed
	waiting int             // requests in the queue or on their way back
	done    chan struct{}   // the goroutine has returned
}

// charged is a request in the queue. It has a copy of all that is needed: once the
// flow is aborted the exchange belongs to others.
type charged[I any] struct {
	x    *Exchange[I]
	cost int
	limit
}

func (h *rateHandler[I]) Request(x *Exchange[I]) {
	cost, err := costOf(h.port.node, h.cost, x.Value)
	if err == nil && h.waiting == 0 {
		if err = h.limiter.Try(cost); err == nil {
			h.port.Down(x)
			return
		}
	}
	if err != nil && !errors.Is(err, limiter.ErrLimit) {
		x.Reject(err)
		h.port.Up(x)
		return
	}
	if h.queue == nil {
		h.queue, h.done = make(chan charged[I], h.port.Capacity()), make(chan struct{})
		go h.wait(h.port.Context())
	}
	h.waiting++
	h.queue <- charged[I]{x, cost, x.limit}
}

// costOf calls a cost function, whose panic is the failure of the item.
func costOf[I any](node *Node, cost func(I) int, v I) (int, error) {
	if cost == nil {
		return 1, nil
	}
	return protect(node, func() (int, error) { return cost(v), nil })
}

// wait waits for each request in the queue.
func (h *rateHandler[I]) wait(ctx context.Context) {
	defer close(h.done)
	for c := range h.queue {
		err := h.admit(ctx, c)
		if ctx.Err() != nil {
			continue // the flow is aborted and takes the exchange back itself
		}
		h.faults[c.x.Slot()] = err
		h.port.Resume(c.x)
	}
}

func (h *rateHandler[I]) admit(ctx context.Context, c charged[I]) error {
	if c.deadline == 0 {
		return h.limiter.Wait(ctx, c.cost)
	}
	timed, cancel := context.WithDeadline(ctx, h.port.rt.base.Add(time.Duration(c.deadline)))
	defer cancel()
	err := h.limiter.Wait(timed, c.cost)
	if errors.Is(err, context.DeadlineExceeded) {
		// The limiter's word is first, for the layers outside: nobody has called
		// the service.
		err = fmt.Errorf("%w: %w", err, c.late)
	}
	return err
}

func (h *rateHandler[I]) Resumed(x *Exchange[I]) {
	h.waiting--
	if err := h.faults[x.Slot()]; err != nil {
		h.faults[x.Slot()] = nil
		x.Reject(err)
		h.port.Up(x)
		return
	}
	h.port.Down(x)
}

func (h *rateHandler[I]) Response(x *Exchange[I]) {
	if x.Err() != nil {
		h.record(x)
	}
	h.port.Up(x)
}

// record tells the limiter of a failure. A panic of its classifier is one more: as
// a fault of the layer it would leave nobody to end the goroutine.
func (h *rateHandler[I]) record(x *Exchange[I]) {
	_, broken := protect(h.port.node, func() (struct{}, error) {
		h.limiter.Record(h.port.Context(), x.Err())
		return struct{}{}, nil
	})
	if broken != nil {
		x.Reject(errors.Join(x.Err(), broken))
	}
}

// Close ends the goroutine.
func (h *rateHandler[I]) Close() {
	if h.queue != nil {
		close(h.queue)
		<-h.done
	}
}

func (h *rateHandler[I]) Observe() any { return h.limiter.Snapshot() }

package stages

import (
	"context"
	"errors"

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
// a [Timeout] outside set it; behind others it leaves when its time is up. In both
// cases the limiter keeps the units. cost is called from the layer's goroutine and should
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
	h := &rateHandler[I]{port: p, limiter: lim, cost: l.cost}
	h.turns = newTurns(p, h.wait, func(struct{}) {})
	return h, nil
}

// rateHandler limits a rate. Requests wait for the limiter in their order.
type rateHandler[I any] struct {
	port    *Port[I]
	limiter *limiter.Limiter
	cost    func(I) int
	turns   *turns[I, struct{}]
}

func (h *rateHandler[I]) Request(x *Exchange[I]) {
	cost, err := costOf(h.port.node, h.cost, x.Value)
	if err == nil && h.turns.waiting == 0 {
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
	h.turns.join(x, cost)
}

// costOf calls a cost function, whose panic is the failure of the item.
func costOf[I any](node *Node, cost func(I) int, v I) (int, error) {
	if cost == nil {
		return 1, nil
	}
	return protect(node, func() (int, error) { return cost(v), nil })
}

func (h *rateHandler[I]) wait(ctx context.Context, t *turn[I, struct{}]) (struct{}, error) {
	return struct{}{}, h.limiter.Wait(ctx, t.cost)
}

func (h *rateHandler[I]) Resumed(x *Exchange[I]) {
	if _, err := h.turns.back(x); err != nil {
		x.Reject(err)
		h.port.Up(x)
		return
	}
	h.port.Down(x)
}

// leave is called with one that waits for its turn.
func (h *rateHandler[I]) leave(x *Exchange[I], why error) { h.turns.leave(x, why) }

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

// Close ends the wait.
func (h *rateHandler[I]) Close() { h.turns.close() }

// relinquish implements [relinquisher].
func (h *rateHandler[I]) relinquish() { h.Close() }

func (h *rateHandler[I]) Observe() any { return h.limiter.Snapshot() }

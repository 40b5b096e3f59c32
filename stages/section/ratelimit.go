package section

import (
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/stages"
)

// RateLimit is the layer that keeps the calls below it to a rate. An item goes down when the
// limiter has admitted its cost, which is 1 if cost is nil. Items wait in the limiter's line,
// in order, and hold no worker. With a [limiter.Policy] the section has a limiter of its own; a
// *[limiter.Limiter] can be shared and observed, and its rate changed.
//
// A call can fail as throttled, see [outcome.AsThrottled]. Then all items wait for the time
// that the error carries, not only the item that a [Retry] outside tries again. Inside a Retry
// each try pays its cost. Outside, each item pays once.
//
// The rate is the service's, so it holds while the flow drains as well; an abort cuts the waits
// short. An item whose deadline would pass before its turn fails at once with
// [stages.ErrExpired], or [stages.ErrTimeout] if a [Timeout] outside set the deadline. cost
// should be quick. A cost above the burst fails the item with a *[limiter.CostError].
func RateLimit[T any](source limiter.Source, cost func(T) int) Layer {
	costs := func(*handoff.Batch, int) int { return 1 }
	var items reflect.Type
	if cost != nil {
		items = reflect.TypeFor[T]()
		costs = func(b *handoff.Batch, i int) int { return cost(typed.Values[T](b)[i]) }
	}
	return Layer{
		kind:  "rate limit",
		items: items,
		check: func() error {
			return given("limiter", source == nil, stages.Apply[stages.Option](), func() error {
				l, err := source.Limiter()
				if err == nil {
					err = l.Err()
				}
				return err
			})
		},
		open: func(p *turn.Port) (turn.Handler, error) {
			l, err := source.Limiter()
			if err != nil {
				return nil, err
			}
			return &rateHandler{port: p, limiter: l, cost: costs}, nil
		},
	}
}

type rateHandler struct {
	port    *turn.Port
	limiter *limiter.Limiter
	cost    func(b *handoff.Batch, place int) int
	waits   turn.PerFlight[*queued]
}

// queued is an item in the limiter's queue.
type queued struct {
	limiter.Place
	ended atomic.Bool // it was admitted, or has left, whichever came first
	err   error
}

func (h *rateHandler) Request(f *turn.Flight, items kernel.Mask) {
	for ; items != 0; items &= items - 1 {
		if run := h.port.Run(); run.Aborted() {
			h.port.Reject(f, items, run.AbortError())
			return
		}
		h.ask(f, items.First())
	}
}

// ask asks the limiter for one item, which may wait.
func (h *rateHandler) ask(f *turn.Flight, place int) {
	cost := 1
	if err := h.port.Ask(f, place, func(b *handoff.Batch, i int) { cost = h.cost(b, i) }); err != nil {
		h.port.Reject(f, kernel.One(place), err)
		return
	}
	l := f.Limit(place)
	if late := l.Over(h.port.Run().Clock); late != nil {
		h.port.Reject(f, kernel.One(place), outcome.AsIgnored(late))
		return
	}
	q, ref := &queued{}, h.port.Ref(f, place)
	ctx := l.Within(h.port.Run().Ctx, h.port.Run().Clock)
	where, err := h.limiter.Enlist(ctx, cost, func(err error) { // in any goroutine
		q.err = err
		if q.ended.CompareAndSwap(false, true) {
			ref.Resume()
		}
	})
	ctx.End()
	switch {
	case err != nil:
		h.reject(f, place, err)
	case where.Waits():
		q.Place = where
		h.waits.Of(f)[place] = q
	default:
		h.port.Down(f, kernel.One(place))
	}
}

func (h *rateHandler) reject(f *turn.Flight, place int, err error) {
	l := f.Limit(place)
	if err = l.BlameWait(h.port.Run().Clock, err); !errors.Is(err, limiter.ErrCost) {
		err = outcome.AsIgnored(err)
	}
	h.port.Reject(f, kernel.One(place), err)
}

// Resumed implements [turn.Resumer]: the limiter has admitted an item.
func (h *rateHandler) Resumed(f *turn.Flight, place int) {
	w := &h.waits.Of(f)[place]
	q := *w
	*w = nil
	if q.err != nil {
		h.reject(f, place, q.err)
		return
	}
	h.port.Down(f, kernel.One(place))
}

// Leave implements [turn.Leaver].
func (h *rateHandler) Leave(f *turn.Flight, place int, why error) {
	w := &h.waits.Of(f)[place]
	(*w).leave()
	*w = nil
	h.port.Reject(f, kernel.One(place), outcome.AsIgnored(why))
}

// leave gives up the place in the queue. Units that were taken at the same moment are lost.
func (q *queued) leave() {
	if q != nil && !q.Place.Leave() {
		q.ended.Store(true)
	}
}

func (h *rateHandler) Response(f *turn.Flight, items kernel.Mask) {
	for m := items; m != 0; m &= m - 1 {
		if i := m.First(); f.Err[i] != nil {
			h.record(f, i)
		}
	}
	h.port.Up(f, items)
}

// record reports a failure to the limiter, which may make all items wait.
func (h *rateHandler) record(f *turn.Flight, place int) {
	err := h.port.Node().Protect(func() error {
		h.limiter.Record(contextOf(h.port, f, place), f.Err[place])
		return nil
	})
	if err != nil {
		f.Err[place] = errors.Join(f.Err[place], err)
	}
}

// Release implements [turn.Releaser]: it gives back the places in the queue.
func (h *rateHandler) Release() {
	for _, waits := range h.waits {
		for _, q := range waits {
			q.leave()
		}
	}
}

// Observe implements [turn.Observer].
func (h *rateHandler) Observe() any { return h.limiter.Snapshot() }

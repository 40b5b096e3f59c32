package stages

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/delay"
	"github.com/weir-go/weir/primitives/retry"
)

// Retry is the layer that sends a failed item down again, as its policy says,
// when the policy's delay is over. An item that waits for its next try is in a
// queue of the layer and holds neither a worker nor a goroutine.
//
// With a [retry.Policy] the section has a retrier of its own; a *[retry.Retrier]
// can be shared and observed. An item that is given up on fails with a
// *[retry.Error]. The rejections of a guard or breaker further in are no
// attempts and are not tried again, unless the policy says so. Nor is what a retrier
// inside the call, or a retry further in, has tried again already: attempts do not
// multiply. The layer refuses a policy with [retry.Hedge]: copies are made where the
// call is, see [Hedge].
//
// An item that waits for its next try when the flow is stopped is tried at once, or
// what else [OnDrain] says; when the flow is aborted it fails with [ErrAborted] and
// the *[retry.Error] of the tries it had.
func Retry[I any](source retry.Source, opts ...Option) Layer[I] {
	return &retryLayer[I]{source, Apply(opts...)}
}

type retryLayer[I any] struct {
	source retry.Source
	Settings
}

// Validate implements [Validator].
func (l *retryLayer[I]) Validate() error {
	if l.source == nil {
		return errors.Join(l.Settings.Validate(), errors.New("retry is nil"))
	}
	r, err := l.source.Retrier()
	return errors.Join(l.Settings.Validate(), err, needs(err == nil && r.Hedges(), "a retry layer cannot hedge: use the option Hedge"))
}

func (l *retryLayer[I]) Open(p *Port[I]) (Handler[I], error) {
	r, err := l.source.Retrier()
	if err != nil {
		return nil, err
	}
	p.punctual = true
	return &retryHandler[I]{port: p, retrier: r, onDrain: l.Drain, tries: make([]int32, p.Capacity()), calls: make([]retried, p.Capacity())}, nil
}

type retryHandler[I any] struct {
	port    *Port[I]
	retrier *retry.Retrier
	onDrain Drain
	drains  bool                // the flow drains, and those who wait do not wait on
	tries   []int32             // by slot: how many have ended that count, or fresh
	calls   []retried           // by slot; of those that are not fresh, but for began
	delays  delay.Queue[uint32] // of slots
}

// retried is what the retrier has to know of an exchange, as small as can be:
// with its place in the queue it is what an item that waits costs.
type retried struct {
	waited time.Duration
	began  time.Duration // since the base of the run; 0 where nobody asks
	due    int64         // of the next try, while the item waits for it; else 0
	last   bool          // no further try, since the flow drains
}

// fresh is an exchange of which no try has ended.
const fresh = -1

func (h *retryHandler[I]) Request(x *Exchange[I]) {
	h.begin(x, h.began())
	h.port.Down(x)
}

// began returns when a call begins now; 0 where nobody asks.
func (h *retryHandler[I]) began() time.Duration {
	began := h.retrier.Begin()
	if began.IsZero() {
		return 0
	}
	return max(began.Sub(h.port.rt.base), 1)
}

func (h *retryHandler[I]) begin(x *Exchange[I], began time.Duration) {
	h.tries[x.slot] = fresh
	if began != 0 {
		h.calls[x.slot].began = began
	}
}

// requests implements [bulkHandler].
func (h *retryHandler[I]) requests(xs []*Exchange[I]) {
	began := h.began()
	for _, x := range xs {
		h.begin(x, began)
	}
	downAll(h.port, xs)
}

// responses implements [bulkHandler].
func (h *retryHandler[I]) responses(xs []*Exchange[I]) {
	first := 0 // how many succeeded at the first try, which are counted together
	for _, x := range xs {
		if x.err == nil && h.tries[x.slot] == fresh {
			first++
			h.port.Up(x)
			continue
		}
		h.Response(x)
	}
	h.retrier.Succeeded(first)
}

func (h *retryHandler[I]) Response(x *Exchange[I]) {
	tries, c := &h.tries[x.slot], &h.calls[x.slot]
	if *tries == fresh {
		*tries, *c = 0, retried{began: c.began}
	}
	*tries++
	if x.err == nil {
		h.retrier.Next(h.port.rt.ctx, retry.Try{Attempt: int(*tries)})
		h.port.Up(x)
		return
	}
	v := h.retrier.Next(h.port.Context(), h.try(c, x))
	if !v.Retry {
		x.Reject(v.Err)
		h.port.Up(x)
		return
	}
	if v.Free {
		*tries--
	} else {
		c.waited = v.Delay
	}
	if h.drains {
		h.cutShort(c, x)
		return
	}
	due := h.port.rt.now() + int64(v.Delay)
	c.due = due
	keep(h.port, x)
	h.delays.Push(due, uint32(x.Slot()))
	if first, _ := h.delays.Next(); first == due {
		h.port.WakeIn(v.Delay)
	}
}

// try describes the try of x that has just ended.
func (h *retryHandler[I]) try(c *retried, x *Exchange[I]) retry.Try {
	t := retry.Try{Attempt: max(int(h.tries[x.slot]), 0), Err: x.Err(), Waited: c.waited}
	if c.began != 0 {
		t.Began = h.port.rt.base.Add(c.began)
	}
	if x.deadline != 0 {
		t.Deadline = h.port.rt.base.Add(time.Duration(x.deadline))
	}
	return t
}

// Wake sends down what is due. What was taken back by an abort meanwhile, or whose
// caller has gone, is not held any more, or for another item that is due later: it
// is passed by.
func (h *retryHandler[I]) Wake() {
	now := h.port.rt.now()
	for slot, ok := h.delays.PopDue(now); ok; slot, ok = h.delays.PopDue(now) {
		c := &h.calls[slot]
		if x := h.port.held[slot]; x != nil && c.due != 0 && c.due <= now {
			c.due = 0
			h.port.Down(x)
		}
	}
	if first, ok := h.delays.Next(); ok {
		h.port.WakeIn(time.Duration(first - now))
	}
}

// drain implements [drainer].
func (h *retryHandler[I]) drain() {
	if h.onDrain == DrainWait {
		return
	}
	h.drains = true
	for slot := range h.calls {
		if x := h.port.held[slot]; x != nil {
			h.cutShort(&h.calls[slot], x)
		}
	}
}

// cutShort goes on with an item that would have to wait while the flow drains.
func (h *retryHandler[I]) cutShort(c *retried, x *Exchange[I]) {
	c.due = 0
	switch {
	case h.onDrain == DrainRunNow && !c.last:
		c.last = true
		h.port.Down(x)
		return
	case h.onDrain == DrainHandBack:
		x.Reject(h.abandon(x, ErrHandedBack))
	default:
		x.Reject(h.abandon(x, ErrDrained))
	}
	h.port.Up(x)
}

// abandon gives up on an item that waits for its next try.
func (h *retryHandler[I]) abandon(x *Exchange[I], err error) error {
	return fmt.Errorf("%w: %w", err, h.retrier.Abandon(h.port.Context(), h.try(&h.calls[x.Slot()], x)))
}

// leave is called with an item that waits for its next try, and whose caller has
// gone: for one that would come too late nobody waits.
func (h *retryHandler[I]) leave(x *Exchange[I], why error) {
	x.Reject(h.abandon(x, why))
	h.port.Up(x)
}

func (h *retryHandler[I]) Observe() any { return h.retrier.Snapshot() }

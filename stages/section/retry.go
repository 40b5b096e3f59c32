package section

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
)

// Retry is the layer that sends a failed item down again, as its policy says, when the
// policy's delay is over. An item that waits for its next try is in a queue of the section and
// holds neither a worker nor a goroutine.
//
// With a [retry.Policy] the section has a retrier of its own; a *[retry.Retrier] can be shared
// and observed. An item that is given up fails with a *[retry.Error]. The rejections of a guard
// or breaker further in are no attempts and are not tried again, unless the policy says so. A
// call that a retrier inside it, or a retry further in, has already tried again is not tried
// again either: attempts do not multiply. The layer refuses a policy with [retry.Hedge]: copies
// are made by the call, see [stages.Hedge].
//
// If the intake is stopped, an item that waits for its next try is tried at once, unless
// [stages.OnDrain] says otherwise. If the flow is aborted, the item fails with
// [stages.ErrAborted] and the *[retry.Error] of its tries. A retry gives an item up early if
// its next try would come after its deadline.
func Retry(source retry.Source, opts ...stages.RetryOption) Layer {
	settings := stages.Apply(opts...)
	return Layer{
		kind: "retry",
		check: func() error {
			return given("retry", source == nil, settings, func() error {
				r, err := source.Retrier()
				if err == nil {
					err = r.Err()
				}
				if err == nil && r.Hedges() {
					err = errors.New("a retry layer cannot hedge: use the option Hedge")
				}
				return err
			})
		},
		open: func(p *turn.Port) (turn.Handler, error) {
			r, err := source.Retrier()
			if err != nil {
				return nil, err
			}
			return &retryHandler{port: p, retrier: r, onDrain: settings.Drain}, nil
		},
	}
}

type retryHandler struct {
	port    *turn.Port
	retrier *retry.Retrier
	onDrain stages.Drain
	drains  bool // the flow drains, so items do not wait
	tries   turn.PerFlight[tried]
	asleep  atomic.Int64 // items that wait for their next try, for Observe
}

// tried is the state of an item in the layer.
type tried struct {
	waited  time.Duration
	began   int64 // in the time of the run; 0 if the policy does not use it
	failure error // of the last try that counts; nil after one try
	n       int32 // tries that have ended and count
	last    bool  // no further try, because the flow drains
}

func (h *retryHandler) Request(f *turn.Flight, items kernel.Mask) {
	tries, began := h.tries.Of(f), int64(0)
	if at := h.retrier.Begin(); !at.IsZero() {
		began = max(1, h.port.Now())
	}
	for m := items; m != 0; m &= m - 1 {
		tries[m.First()] = tried{began: began}
	}
	h.port.Down(f, items)
}

func (h *retryHandler) Response(f *turn.Flight, items kernel.Mask) {
	tries, first := h.tries.Of(f), 0
	for m := items; m != 0; m &= m - 1 {
		i := m.First()
		t := &tries[i]
		t.n++
		switch {
		case f.Err[i] != nil:
			h.failed(f, i, t)
			items &^= kernel.One(i)
		case t.n == 1:
			first++
		default:
			h.retrier.Next(contextOf(h.port, f, i), retry.Try{Attempt: int(t.n)})
		}
	}
	h.port.Up(f, items)
	h.retrier.Succeeded(first)
}

// failed decides about an item whose try has failed.
func (h *retryHandler) failed(f *turn.Flight, place int, t *tried) {
	v := h.retrier.Next(contextOf(h.port, f, place), h.try(f, place, t))
	if !v.Retry {
		if over := h.port.Over(); over != nil && v.Reason == retry.Cancelled {
			v.Err = fmt.Errorf("%w: %w", over, v.Err)
		}
		h.port.Reject(f, kernel.One(place), v.Err)
		return
	}
	if v.Free {
		t.n--
	} else {
		t.waited, t.failure = v.Delay, f.Err[place]
	}
	h.asleep.Add(1)
	if h.drains {
		h.cutShort(f, place, t)
		return
	}
	h.port.Later(f, place, h.port.In(v.Delay))
}

// try describes the try that has just ended.
func (h *retryHandler) try(f *turn.Flight, place int, t *tried) retry.Try {
	try := retry.Try{Attempt: int(t.n), Err: f.Err[place], Failure: t.failure, Waited: t.waited}
	if t.began != 0 {
		try.Began = h.port.Run().Time(t.began)
	}
	if l := f.Limit(place); l.Deadline != 0 {
		try.Deadline = h.port.Run().Time(l.Deadline)
	}
	return try
}

// Due implements [turn.Dueer]: the delay of an item is over.
func (h *retryHandler) Due(f *turn.Flight, place int) {
	h.asleep.Add(-1)
	f.Err[place] = nil
	h.port.Down(f, kernel.One(place))
}

// Drain implements [turn.Drainer].
func (h *retryHandler) Drain() {
	if h.onDrain == stages.DrainWait {
		return
	}
	h.drains = true
	h.port.Held(func(f *turn.Flight, items kernel.Mask) {
		for ; items != 0; items &= items - 1 {
			i := items.First()
			h.cutShort(f, i, &h.tries.Of(f)[i])
		}
	})
}

// cutShort ends the wait of an item because the flow drains.
func (h *retryHandler) cutShort(f *turn.Flight, place int, t *tried) {
	switch {
	case h.onDrain == stages.DrainRunNow && !t.last:
		t.last = true
		h.Due(f, place)
	case h.onDrain == stages.DrainHandBack:
		h.giveUp(f, place, stages.ErrHandedBack)
	default:
		h.giveUp(f, place, stages.ErrDrained)
	}
}

// giveUp ends the wait of an item: it sends the item up with why, and with the tries it had. At an
// abort why has the cause: the caller has not canceled.
func (h *retryHandler) giveUp(f *turn.Flight, place int, why error) {
	h.asleep.Add(-1)
	ctx := contextOf(h.port, f, place)
	if h.port.Over() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	err := h.retrier.Abandon(ctx, h.try(f, place, &h.tries.Of(f)[place]))
	h.port.Reject(f, kernel.One(place), fmt.Errorf("%w: %w", why, err))
}

// Leave implements [turn.Leaver].
func (h *retryHandler) Leave(f *turn.Flight, place int, why error) { h.giveUp(f, place, why) }

// Punctual implements [turn.Punctual].
func (h *retryHandler) Punctual() {}

// Observe implements [turn.Observer].
func (h *retryHandler) Observe() any {
	s := h.retrier.Snapshot()
	s.Asleep = int(h.asleep.Load())
	return s
}

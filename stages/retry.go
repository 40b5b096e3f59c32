package stages

import (
	"errors"
	"time"

	"github.com/weir-go/weir/primitives/retry"
)

// Retry is the layer that sends a failed item down again, as its policy says,
// when the policy's delay is over. An item that waits for its next try is in a
// queue of the layer and holds neither a worker nor a goroutine.
//
// With a [retry.Policy] the section has a retrier of its own; a *[retry.Retrier]
// can be shared and observed. An item that is given up on fails with a
// *[retry.Error]. The rejections of a guard or breaker further in are no
// attempts and are not tried again, unless the policy says so.
func Retry[I any](source retry.Source) Layer[I] { return &retryLayer[I]{source} }

type retryLayer[I any] struct{ source retry.Source }

// Validate implements [Validator].
func (l *retryLayer[I]) Validate() error {
	if l.source == nil {
		return errors.New("retry is nil")
	}
	_, err := l.source.Retrier()
	return err
}

func (l *retryLayer[I]) Open(p *Port[I]) (Handler[I], error) {
	r, err := l.source.Retrier()
	if err != nil {
		return nil, err
	}
	return &retryHandler[I]{port: p, retrier: r, tries: make([]int, p.Capacity())}, nil
}

type retryHandler[I any] struct {
	port    *Port[I]
	retrier *retry.Retrier
	tries   []int // by slot; those that count
	delays  delayQueue[*Exchange[I]]
}

func (h *retryHandler[I]) Request(x *Exchange[I]) {
	h.tries[x.Slot()] = 0
	h.port.Down(x)
}

func (h *retryHandler[I]) Response(x *Exchange[I]) {
	h.tries[x.Slot()]++
	try := retry.Try{Attempt: h.tries[x.Slot()], Err: x.Err()}
	if x.deadline != 0 {
		try.Deadline = h.port.rt.base.Add(time.Duration(x.deadline))
	}
	v := h.retrier.Next(h.port.Context(), try)
	if !v.Retry {
		x.Reject(v.Err)
		h.port.Up(x)
		return
	}
	if v.Free {
		h.tries[x.Slot()]--
	}
	due := h.port.rt.now() + int64(v.Delay)
	h.delays.push(due, x)
	if h.delays.first() == due {
		h.port.WakeIn(v.Delay)
	}
}

// Wake sends down what is due.
func (h *retryHandler[I]) Wake() {
	now := h.port.rt.now()
	for h.delays.len() > 0 && h.delays.first() <= now {
		h.port.Down(h.delays.pop())
	}
	if h.delays.len() > 0 {
		h.port.WakeIn(time.Duration(h.delays.first() - now))
	}
}

func (h *retryHandler[I]) Observe() any { return h.retrier.Snapshot() }

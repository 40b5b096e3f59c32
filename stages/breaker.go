package stages

import (
	"errors"
	"slices"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
)

// Breaker is the layer that stops calls to a service that is down: while the
// breaker is open, items fail at once with a *[breaker.OpenError]. With a
// [breaker.Policy] the section has a breaker of its own; a *[breaker.Breaker]
// can be shared and observed.
//
// With [Hold], items wait instead, in order, until the breaker admits them. As
// the section is bounded, the stream pauses upstream: an outage does not empty
// the source into the dead letters. It is the service that they wait for, so they
// do in a drain, too; what bounds that is the deadline of the drain.
//
// What is an outcome depends on the order of the layers. Around a retry the
// breaker sees one outcome for all attempts of an item; inside of it, every
// attempt.
func Breaker[I any](source breaker.Source, opts ...Option) Layer[I] {
	return &breakerLayer[I]{source, Apply(opts...)}
}

type breakerLayer[I any] struct {
	source breaker.Source
	Settings
}

// Validate implements [Validator].
func (l *breakerLayer[I]) Validate() error {
	if l.source == nil {
		return errors.Join(l.Settings.Validate(), errors.New("breaker is nil"))
	}
	_, err := l.source.Breaker()
	return errors.Join(l.Settings.Validate(), err)
}

func (l *breakerLayer[I]) Open(p *Port[I]) (Handler[I], error) {
	b, err := l.source.Breaker()
	if err != nil {
		return nil, err
	}
	return &breakerHandler[I]{port: p, breaker: b, hold: l.Hold, tokens: make([]breaker.Token, p.Capacity())}, nil
}

type breakerHandler[I any] struct {
	port    *Port[I]
	breaker *breaker.Breaker
	hold    bool
	tokens  []breaker.Token // by slot
	waiting []*Exchange[I]  // held, in order
}

func (h *breakerHandler[I]) Request(x *Exchange[I]) {
	if len(h.waiting) > 0 {
		h.wait(x)
		return
	}
	if err := h.admit(x); err != nil {
		h.refuse(x, err)
	}
}

// admit sends x down, or returns why not.
func (h *breakerHandler[I]) admit(x *Exchange[I]) error {
	token, err := h.breaker.Allow()
	if err != nil {
		return err
	}
	h.tokens[x.Slot()] = token
	h.port.Down(x)
	return nil
}

func (h *breakerHandler[I]) refuse(x *Exchange[I], err error) {
	if h.hold {
		h.wait(x)
		h.wakeAfter(err)
		return
	}
	x.Reject(err)
	h.port.Up(x)
}

func (h *breakerHandler[I]) wait(x *Exchange[I]) {
	keep(h.port, x)
	h.waiting = append(h.waiting, x)
}

// wakeAfter asks to be woken when the breaker may admit the next one.
func (h *breakerHandler[I]) wakeAfter(err error) {
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		h.port.WakeIn(open.After())
	}
}

func (h *breakerHandler[I]) Response(x *Exchange[I]) {
	h.breaker.Record(h.port.Context(), &h.tokens[x.Slot()], x.Err())
	h.port.Up(x)
	h.Wake()
}

// requests implements [bulkHandler].
func (h *breakerHandler[I]) requests(xs []*Exchange[I]) {
	for _, x := range xs {
		h.Request(x)
	}
}

// responses implements [bulkHandler].
func (h *breakerHandler[I]) responses(xs []*Exchange[I]) {
	for _, x := range xs {
		h.breaker.Record(h.port.rt.ctx, &h.tokens[x.slot], x.err)
	}
	upAll(h.port, xs)
	h.Wake()
}

// Wake admits as many of those held as the breaker lets through. After an abort
// the section has taken them back, and to admit one would take a probe slot
// that nobody records: a shared breaker would miss it until its lease ends.
func (h *breakerHandler[I]) Wake() {
	if len(h.waiting) == 0 {
		return
	}
	if h.port.Context().Err() != nil {
		h.waiting = nil
		return
	}
	n := 0
	for _, x := range h.waiting {
		if err := h.admit(x); err != nil {
			h.wakeAfter(err)
			break
		}
		n++
	}
	h.waiting = append(h.waiting[:0], h.waiting[n:]...)
}

// leave is called with one of those held. Nobody has called the service for it.
func (h *breakerHandler[I]) leave(x *Exchange[I], why error) {
	if i := slices.Index(h.waiting, x); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
	}
	x.Reject(outcome.AsIgnored(why))
	h.port.Up(x)
}

func (h *breakerHandler[I]) Observe() any { return h.breaker.Snapshot() }

package section

import (
	"errors"
	"slices"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/stages"
)

// Breaker is the layer that stops calls to a service that is down: while the breaker is open,
// items fail at once with a *[breaker.OpenError]. With a [breaker.Policy] the section has a
// breaker of its own; a *[breaker.Breaker] can be shared and observed.
//
// With [stages.Hold] items wait instead, in order, until the breaker admits them. The section
// is bounded, so the stream pauses upstream, and an outage does not turn all items of the
// source into dead letters. Items wait for the service in a drain as well; the drain timeout
// bounds that wait.
//
// What an outcome is depends on the order of the layers. Around a retry the breaker sees one
// outcome for all attempts of an item; inside of it, every attempt. A deadline that passes
// during a call is a failure of the service. A call that was not begun, or whose caller has
// gone, says nothing.
func Breaker(source breaker.Source, opts ...stages.BreakerOption) Layer {
	settings := stages.Apply(opts...)
	return Layer{
		kind:   "breaker",
		shared: sharedBy(source),
		check: func() error {
			return given("breaker", source == nil, settings, func() error {
				if p, ok := source.(breaker.Policy); ok {
					return p.Validate()
				}
				b, err := source.Breaker()
				if err == nil {
					err = b.Err()
				}
				return err
			})
		},
		open: func(p *turn.Port) (turn.Handler, error) {
			b, err := source.Breaker()
			if err != nil {
				return nil, err
			}
			h := &breakerHandler{port: p, breaker: b, hold: settings.Hold, unwatch: func() {}}
			h.watch()
			return h, nil
		},
	}
}

type breakerHandler struct {
	port    *turn.Port
	breaker *breaker.Breaker
	hold    bool
	tokens  turn.PerFlight[breaker.Token]
	waiting []held // items that wait for the breaker, in order
	alert   bool   // the layer is woken when the breaker closes
	unwatch func()
}

// watch reports changes of the breaker to the hooks of the run.
func (h *breakerHandler) watch() {
	n := h.port.Node()
	hooks := n.Run().Hooks()
	if hooks == nil || hooks.Change == nil {
		return
	}
	h.unwatch = h.breaker.Watch(func(c breaker.Change) {
		hooks.Change(kernel.Change{
			Stage: n.Name, Kind: "breaker", Name: c.Name, From: c.From.String(), To: c.To.String(), Err: c.Failure,
		})
	})
}

// beAlert wakes the layer when the breaker closes. Others that share the breaker can close it before
// the time at which it admits a probe.
func (h *breakerHandler) beAlert() {
	unhook := h.unwatch
	unwake := h.breaker.Watch(func(c breaker.Change) {
		if c.To == breaker.Closed {
			h.port.WakeNow()
		}
	})
	h.alert, h.unwatch = true, func() { unhook(); unwake() }
}

// Close implements [turn.Closer].
func (h *breakerHandler) Close() { h.unwatch() }

// Release implements [turn.Releaser].
func (h *breakerHandler) Release() { h.unwatch() }

// held is an item that a layer holds.
type held struct {
	f     *turn.Flight
	place int
}

func (h *breakerHandler) Request(f *turn.Flight, items kernel.Mask) {
	if h.hold && !h.alert { // before the breaker is asked: no change is missed
		h.beAlert()
	}
	tokens := h.tokens.Of(f)
	var admitted, refused kernel.Mask
	for m := items; m != 0; m &= m - 1 {
		i := m.First()
		if len(h.waiting) > 0 {
			h.waiting = append(h.waiting, held{f, i})
			continue
		}
		var err error
		if tokens[i], err = h.breaker.Allow(); err == nil {
			admitted |= kernel.One(i)
			continue
		}
		if h.hold {
			h.waiting = append(h.waiting, held{f, i})
			h.wakeAfter(err)
			continue
		}
		f.Err[i] = err
		refused |= kernel.One(i)
	}
	h.port.Down(f, admitted)
	h.port.Up(f, refused)
}

// wakeAfter sets the time at which the layer tries again, when the breaker may admit calls.
func (h *breakerHandler) wakeAfter(err error) {
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		h.port.WakeAt(h.port.In(max(open.After(), time.Nanosecond)))
	}
}

func (h *breakerHandler) Response(f *turn.Flight, items kernel.Mask) {
	tokens := h.tokens.Of(f)
	h.port.Up(f, items)
	for m := items; m != 0; m &= m - 1 {
		i := m.First()
		h.breaker.Record(contextOf(h.port, f, i), &tokens[i], f.Err[i])
	}
	h.Wake()
}

// Wake implements [turn.Waker]: it admits waiting items in order.
func (h *breakerHandler) Wake() {
	n := 0
	for _, x := range h.waiting {
		token, err := h.breaker.Allow()
		if err != nil {
			h.wakeAfter(err)
			break
		}
		h.tokens.Of(x.f)[x.place] = token
		h.port.Down(x.f, kernel.One(x.place))
		n++
	}
	if n > 0 {
		h.waiting = append(h.waiting[:0], h.waiting[n:]...)
	}
}

// Leave implements [turn.Leaver].
func (h *breakerHandler) Leave(f *turn.Flight, place int, why error) {
	if i := slices.Index(h.waiting, held{f, place}); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
	}
	h.port.Reject(f, kernel.One(place), outcome.AsIgnored(why))
}

// Observe implements [turn.Observer].
func (h *breakerHandler) Observe() any { return h.breaker.Snapshot() }

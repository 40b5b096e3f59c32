package section

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Custom is a layer of your own around requests of type I. Open makes its state for one run,
// before the run begins to work. An error says what is wrong, and the flow names the stage.
//
// A Custom may implement [stages.Validator] and [stages.Describer].
type Custom[I any] interface {
	Open(p *Port[I]) (Handler[I], error)
}

// Handler is a custom layer at work. The section calls its methods one at a time, so a handler
// needs no locks. They must not block, because no other exchange moves in the section while they
// run.
//
// The layer must send on each exchange that it gets exactly once, by [Port.Down] or [Port.Up],
// now or later. When the flow is aborted the section takes back what the layer holds and sends it
// up with the abort as its error. Request is not called any more then, but Response still is, so
// that a layer can account for what it has sent down.
//
// A panic fails what the layer holds and stops the run. From then on requests fail at the
// layer, and responses pass it by.
type Handler[I any] interface {
	// Request is called with an exchange from above.
	Request(x *Exchange[I])
	// Response is called with an exchange from below, with its outcome.
	Response(x *Exchange[I])
}

// Optional interfaces of a [Handler].
type (
	// Waker is implemented by handlers with a timer. Wake is called at the time of [Port.WakeIn].
	Waker interface{ Wake() }
	// Resumer is implemented by handlers that hand exchanges to other goroutines. Resumed gets an
	// exchange that [Ref.Resume] has given back.
	Resumer[I any] interface{ Resumed(x *Exchange[I]) }
	// Leaver is implemented by handlers that hold exchanges. Leave is called with a held exchange
	// when its caller has gone or its time is up. The layer sends it up, with why as its error.
	Leaver[I any] interface {
		Leave(x *Exchange[I], why error)
	}
	// Drainer is implemented by handlers that hold exchanges. Drain is called once when the
	// intake has stopped: held exchanges should not wait longer than necessary.
	Drainer interface{ Drain() }
	// Closer is implemented by handlers with something to release. Close is called last, when no
	// exchange is left in the section.
	Closer interface{ Close() }
	// Observer is implemented by handlers with figures. Observe is called at any time, even after
	// Close, from any goroutine. The value is for reports, and is usually a snapshot of a
	// primitive.
	Observer interface{ Observe() any }
)

// Exchange is one request on its way down through the layers of a section, and its response on
// the way up. It belongs to the layer that was handed it until the layer sends it on. It is used
// again for another item as soon as it has left the section.
type Exchange[I any] struct {
	// Value is the request. A layer may replace it on the way down. A failure still shows the
	// item as the section received it.
	Value I

	port  *Port[I]
	f     *turn.Flight
	place int
	first I    // the request as the layer received it
	known bool // a Ref of the exchange's present stay may exist
}

// Err returns how the call ended so far, nil for a success. It counts only on the way up.
// It is [stages.ErrDrop] if the call dropped the item.
func (x *Exchange[I]) Err() error {
	if x.f.Dropped(kernel.One(x.place)) != 0 {
		return stages.ErrDrop
	}
	return x.f.Err[x.place]
}

// Attempts returns how often the call was made.
func (x *Exchange[I]) Attempts() int { return int(x.f.Attempts[x.place]) }

// Context returns the context of the exchange: that of its caller, or of the run.
func (x *Exchange[I]) Context() context.Context { return contextOf(x.port.port, x.f, x.place) }

// Slot returns a number from 0 to below [Port.Slots] that no other exchange in the section has at
// the same time. A layer can use it as an index for what it keeps for the exchange. Slots can grow.
func (x *Exchange[I]) Slot() int { return x.f.Slot(x.place) }

// Reject makes err the outcome, in place of a call or of its result. The layer still has to send
// the exchange up.
func (x *Exchange[I]) Reject(err error) {
	x.f.Undrop(x.place)
	x.f.Err[x.place] = err
}

// Answer returns a copy of the result of a successful exchange. It allocates.
func (x *Exchange[I]) Answer() Answer {
	c := x.port.port.Out(1)
	x.f.Out.Vals.CopyTo(c, 0, x.place, x.place+1)
	return Answer{c, 0}
}

// Adopt makes a the outcome, in place of a call. The answer must come from a section whose call
// returns the same type, or the exchange fails. The layer still has to send the exchange up.
func (x *Exchange[I]) Adopt(a Answer) {
	x.f.Undrop(x.place)
	if !a.give(x.f, x.place) {
		x.Reject(fmt.Errorf("an answer of another type: %T, %T", a.column, x.f.Out.Vals))
	}
}

// Port is a custom layer's place in a section. Its methods are for the handler's methods, unless
// they say otherwise.
type Port[I any] struct {
	port *turn.Port
	all  turn.PerFlight[*Exchange[I]]
	wake int64 // time at which the handler last asked to be woken
}

// Stage returns the name of the section that the layer is in.
func (p *Port[I]) Stage() string { return p.port.Node().Name }

// Context returns the context of the run. It ends at the abort.
func (p *Port[I]) Context() context.Context { return p.port.Run().Ctx }

// Slots returns a bound of [Exchange.Slot]. The section holds fewer exchanges at a time. It grows
// with [Port.Capacity], and with the number of callers that are in a service at the same time. So a
// slice that is as long as Slots must grow when a Slot is not below its length.
func (p *Port[I]) Slots() int { return p.port.Slots() }

// Capacity returns how many exchanges the section holds at most. It grows when the guard that is
// the outermost layer is made larger. The callers of a service are not counted: see
// [github.com/weir-go/weir/flow.Service.Do].
func (p *Port[I]) Capacity() int { return p.port.Capacity() }

// Down sends x on to the layer below. It does not block. It returns false, and does nothing, if
// the layer does not hold x, as after an abort.
func (p *Port[I]) Down(x *Exchange[I]) bool {
	if !p.port.Holds(x.f, x.place) {
		return false
	}
	typed.Values[I](x.f.In)[x.place] = x.Value
	p.port.Down(x.f, kernel.One(x.place))
	p.void(x)
	return true
}

// Up sends x, with its outcome, to the layer above. It does not block. It returns false, and does
// nothing, if the layer does not hold x.
func (p *Port[I]) Up(x *Exchange[I]) bool {
	if !p.port.Holds(x.f, x.place) {
		return false
	}
	p.port.Up(x.f, kernel.One(x.place))
	p.void(x)
	var none I
	x.Value, x.first = none, none // the exchange must not keep values alive
	return true
}

// WakeIn calls the handler's Wake once, d from now. A later call replaces an earlier one. It does
// not block.
func (p *Port[I]) WakeIn(d time.Duration) {
	p.wake = p.port.In(d)
	p.port.WakeAt(p.wake)
}

// Ref refers to one stay of an exchange in a layer. Another goroutine may keep it.
type Ref struct{ ref turn.Ref }

// Ref returns the stay of an exchange that the layer holds.
func (p *Port[I]) Ref(x *Exchange[I]) Ref {
	x.known = true
	return Ref{p.port.Ref(x.f, x.place)}
}

// void makes Refs of the exchange invalid that other goroutines may have.
func (p *Port[I]) void(x *Exchange[I]) {
	if x.known {
		x.known = false
		p.port.Void(x.f, x.place)
	}
}

// Resume gives the exchange back to its layer, whose Resumed is called, if the layer still holds
// it since the Ref was made. It may be called from any goroutine and does not block.
func (r Ref) Resume() { r.ref.Resume() }

// at returns the exchange of an item.
func (p *Port[I]) at(f *turn.Flight, place int) *Exchange[I] {
	x := &p.all.Of(f)[place]
	if *x == nil { // the next item at this place reuses it
		*x = &Exchange[I]{port: p, f: f, place: place}
	}
	return *x
}

// Use returns a custom layer as a [Layer].
func Use[I any](c Custom[I]) Layer {
	l := Layer{kind: fmt.Sprintf("%T", c), items: reflect.TypeFor[I]()}
	if c == nil {
		l.kind = "layer"
		l.check = func() error { return fmt.Errorf("layer is nil") }
		l.open = func(*turn.Port) (turn.Handler, error) { return nil, fmt.Errorf("layer is nil") }
		return l
	}
	if d, ok := c.(stages.Describer); ok {
		l.shown = d.Describe()
	}
	if v, ok := c.(stages.Validator); ok {
		l.check = v.Validate
	}
	l.open = func(k *turn.Port) (turn.Handler, error) {
		p := &Port[I]{port: k}
		h, err := c.Open(p)
		if err != nil {
			return nil, err
		}
		return adapt(p, h), nil
	}
	return l
}

// adapt makes a handler of flights from a handler of single exchanges.
func adapt[I any](p *Port[I], h Handler[I]) turn.Handler {
	a := &adapter[I]{port: p, handler: h}
	a.resumer, _ = h.(Resumer[I])
	a.leaver, _ = h.(Leaver[I])
	if a.leaver != nil {
		return leavingAdapter[I]{a}
	}
	return a
}

type adapter[I any] struct {
	port    *Port[I]
	handler Handler[I]
	resumer Resumer[I]
	leaver  Leaver[I]
}

func (a *adapter[I]) Request(f *turn.Flight, items kernel.Mask) {
	values := typed.Values[I](f.In)
	for ; items != 0; items &= items - 1 {
		x := a.port.at(f, items.First())
		if run := a.port.port.Run(); run.Aborted() {
			a.port.port.Reject(f, items, run.AbortError())
			return
		}
		x.Value, x.first = values[x.place], values[x.place]
		a.handler.Request(x)
	}
}

func (a *adapter[I]) Response(f *turn.Flight, items kernel.Mask) {
	values := typed.Values[I](f.In)
	for ; items != 0; items &= items - 1 {
		x := a.port.at(f, items.First())
		values[x.place] = x.first // the layers above see what they sent down
		a.handler.Response(x)
	}
}

// Resumed implements [turn.Resumer].
func (a *adapter[I]) Resumed(f *turn.Flight, place int) {
	if a.resumer != nil {
		a.resumer.Resumed(a.port.at(f, place))
	}
}

// Wake implements [turn.Waker]. The time may have been changed meanwhile.
func (a *adapter[I]) Wake() {
	if a.port.wake > a.port.port.Now() {
		a.port.port.WakeAt(a.port.wake)
		return
	}
	if w, ok := a.handler.(Waker); ok {
		w.Wake()
	}
}

// Drain implements [turn.Drainer].
func (a *adapter[I]) Drain() {
	if d, ok := a.handler.(Drainer); ok {
		d.Drain()
	}
}

// Close implements [turn.Closer].
func (a *adapter[I]) Close() {
	if c, ok := a.handler.(Closer); ok {
		c.Close()
	}
}

// Observe implements [turn.Observer].
func (a *adapter[I]) Observe() any {
	if o, ok := a.handler.(Observer); ok {
		return o.Observe()
	}
	return nil
}

// leavingAdapter is the adapter of a handler that implements Leaver.
type leavingAdapter[I any] struct{ *adapter[I] }

// Leave implements [turn.Leaver].
func (a leavingAdapter[I]) Leave(f *turn.Flight, place int, why error) {
	a.leaver.Leave(a.port.at(f, place), why)
}

package stages

import (
	"context"
	"time"
)

// Layer encloses what is below it in a section: requests go down through it,
// and responses come back up.
//
//	      requests           responses
//	above    |                   ^
//	      .--v-------------------|--.
//	      | Request    layer  Response |
//	      '--|-------------------^--'
//	below    v                   |
//
// A Layer is only the description. Open makes its state for one run, before
// the run starts; an error says what is wrong, and the flow names the stage.
type Layer[I any] interface {
	Open(p *Port[I]) (Handler[I], error)
}

// Handler is a layer at work. The section calls its methods from one goroutine
// at a time, so a handler needs no locks; they must not block, since nothing else
// goes through the layer meanwhile.
//
// Each exchange handed to the layer must go on once, by [Port.Down] or
// [Port.Up], now or later. When the flow is aborted the section takes back what
// the layer holds and sends it up with the abort as its error; Request is not
// called any more then, but Response still is, so that a layer can settle its
// books for what it has sent down.
//
// A panic fails what the layer holds and stops the run; from then on requests
// fail at the layer, and responses pass it by.
type Handler[I any] interface {
	// Request is called with an exchange from above.
	Request(x *Exchange[I])
	// Response is called with an exchange from below, with its outcome.
	Response(x *Exchange[I])
}

// Waker is implemented by handlers that use [Port.WakeIn].
type Waker interface {
	// Wake is called when the time has come.
	Wake()
}

// Resumer is implemented by handlers that use [Port.Resume].
type Resumer[I any] interface {
	// Resumed is called with an exchange that another goroutine gave back.
	Resumed(x *Exchange[I])
}

// Closer is implemented by handlers that have something to end.
type Closer interface {
	// Close is called last, when no exchange is left in the section.
	Close()
}

// Observer is implemented by handlers that can be looked at. The value is for
// reports: a snapshot of a primitive, as a rule.
type Observer interface {
	// Observe is called at any time, also after Close, from any goroutine.
	Observe() any
}

// Port is a layer's place in a section. Down, Up and WakeIn are for the layer's
// own goroutine, from inside the handler's methods.
type Port[I any] struct {
	rt       *Runtime
	node     *Node
	capacity int
	answers  func() answers[I]

	requests  *edge[*Exchange[I]] // from above
	responses *edge[*Exchange[I]] // from below
	resumed   *edge[*Exchange[I]] // from other goroutines
	left      *edge[*Exchange[I]] // which nobody waits for any more; nil where the handler takes no notice
	below     *edge[*Exchange[I]]
	above     *edge[*Exchange[I]]

	down, up []*Exchange[I] // to be sent when the batch at hand is done
	bulk     bool           // all of the batch at hand counts as held
	held     []*Exchange[I] // by slot: what else the layer has to send on
	watches  []func()       // by slot: of what is held, ends the watch
	punctual bool           // the handler holds nothing beyond its deadline
	timer    *time.Timer
}

// Stage returns the name of the section the layer is in.
func (p *Port[I]) Stage() string { return p.node.name }

// Context returns the context of the run. It ends at the abort.
func (p *Port[I]) Context() context.Context { return p.rt.ctx }

// Capacity returns how many exchanges the section holds at most.
func (p *Port[I]) Capacity() int { return p.capacity }

// Down sends x on to the layer below. It does not block. It returns false, and
// does nothing, where the layer does not hold x, as after an abort.
func (p *Port[I]) Down(x *Exchange[I]) bool {
	if !p.letGo(x) {
		return false
	}
	p.down = append(p.down, x)
	return true
}

// Up sends x, with its outcome, to the layer above. It does not block. It
// returns false, and does nothing, where the layer does not hold x.
func (p *Port[I]) Up(x *Exchange[I]) bool {
	if !p.letGo(x) {
		return false
	}
	p.up = append(p.up, x)
	return true
}

// downAll and upAll are Down and Up for a batch at hand of which nothing is kept.
func downAll[I any](p *Port[I], xs []*Exchange[I]) { p.down = append(p.down, xs...) }
func upAll[I any](p *Port[I], xs []*Exchange[I])   { p.up = append(p.up, xs...) }

// WakeIn has the handler woken once, d from now; a later call takes the place
// of an earlier one. It does not block.
func (p *Port[I]) WakeIn(d time.Duration) { p.timer.Reset(d) }

// Resume gives an exchange that the layer holds back to the layer's goroutine,
// which calls Resumed. It may be called from any goroutine, once for each
// exchange held, and does not block.
func (p *Port[I]) Resume(x *Exchange[I]) { put(p.resumed, x) }

// holds reports whether the layer has x to send on.
func holds[I any](p *Port[I], x *Exchange[I]) bool { return p.held[x.slot] == x }

// keep says that x, of the batch at hand, is not sent on with it.
func keep[I any](p *Port[I], x *Exchange[I]) {
	p.held[x.slot] = x
	p.watch(x)
}

func (p *Port[I]) letGo(x *Exchange[I]) bool {
	if p.held[x.slot] != x {
		return p.bulk
	}
	p.held[x.slot] = nil
	if p.left != nil && p.watches[x.slot] != nil {
		p.watches[x.slot]()
		p.watches[x.slot] = nil
	}
	return true
}

// watch has the handler told when the caller of x goes, or its time is up, for as
// long as the layer holds x.
func (p *Port[I]) watch(x *Exchange[I]) {
	if p.left == nil || !x.bounded() || p.held[x.slot] != x || p.watches[x.slot] != nil {
		return
	}
	l := x.limit
	if p.punctual {
		l.deadline = 0
	}
	if l.bounded() {
		p.watches[x.slot] = watchLimit(&l, p.rt, func() { put(p.left, x) })
	}
}

// flush sends what the layer has let go.
func (p *Port[I]) flush() {
	if len(p.down) > 0 {
		putAll(p.below, p.down)
		p.down = p.down[:0]
	}
	if len(p.up) > 0 {
		putAll(p.above, p.up)
		p.up = p.up[:0]
	}
}

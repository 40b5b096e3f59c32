package turn

import (
	"context"
	"math"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// Layer encloses what is below it in a section. Open makes its state for one run, before the
// run begins to work. An error says what is wrong.
type Layer interface {
	Open(p *Port) (Handler, error)
}

// Handler is a layer at work. Its methods are called in the turn of the section: one at a
// time, though by many goroutines. They must not block. Each item of the mask goes on once,
// by [Port.Down] or [Port.Up], now or later.
//
// At an abort the section takes back what the layer holds and sends it up with the abort as
// its error. Request is not called any more then, but Response is, so that a layer can settle
// its books. A handler that panics is put out: its items fail, and the run stops.
type Handler interface {
	Request(f *Flight, items kernel.Mask)
	Response(f *Flight, items kernel.Mask)
}

// What a handler may implement besides.
type (
	// Resumer takes an item that a [Ref] has given back.
	Resumer interface{ Resumed(f *Flight, place int) }
	// Dueer is called when the time of [Port.Later] has come for an item that it still has.
	Dueer interface{ Due(f *Flight, place int) }
	// Leaver is called with an item that the layer holds when the item's caller has gone,
	// or its time is up: the layer sends it up.
	Leaver interface {
		Leave(f *Flight, place int, why error)
	}
	// Punctual says that the layer holds nothing beyond its deadline.
	Punctual interface{ Punctual() }
	// Drainer is called once when the intake has been stopped.
	Drainer interface{ Drain() }
	// Waker is called at the time of [Port.WakeAt].
	Waker interface{ Wake() }
	// Bounder says how many items the section holds, if the layer is the outermost.
	Bounder interface{ Bound() int }
	// Gate is asked by the entrance for each item, if the layer is the outermost: an item
	// that it refuses never enters. It leaves at once, ahead of those inside, and counts as
	// shed. It is not called in the turn.
	Gate interface {
		// Gates reports whether the layer refuses items at all.
		Gates() bool
		// Try admits the next item, or says why not. Withdraw takes that back.
		Try() error
		Withdraw()
	}
	// Closer is called when no item is left, unless the handler was put out.
	Closer interface{ Close() }
	// Releaser is called when the handler was put out: it gives back what it has of others.
	Releaser interface{ Release() }
	// Observer is asked at any time, from any goroutine, what the layer shows of itself.
	Observer interface{ Observe() any }
)

// Port is a layer's place in a section. All but [Ref.Resume] is for the handler's methods.
type Port struct {
	section *Section
	index   int
	handler Handler
	broken  error // the handler has panicked

	leaver   Leaver
	punctual bool
	wakes    bool // at wakeAt
	wakeAt   int64
}

// Lanes are the ways between layers. The lane down to layer i is 2i; that to the bottom is
// the last one down. The lane up from layer i is 2i+1; lane 1 leads to the exit.
func down(to int) int { return 2 * to }
func up(from int) int { return 2*from + 1 }

// Down sends items on to the layer below.
func (p *Port) Down(f *Flight, items kernel.Mask) {
	p.section.hop(f, down(p.index+1), p.leave(f, items))
}

// Up sends items, with their outcomes, to the layer above.
func (p *Port) Up(f *Flight, items kernel.Mask) { p.section.hop(f, up(p.index), p.leave(f, items)) }

// Reject sends items up with an error.
func (p *Port) Reject(f *Flight, items kernel.Mask, err error) {
	f.Fail(items, err)
	p.Up(f, items)
}

// Again has the layer asked anew for items that it holds.
func (p *Port) Again(f *Flight, items kernel.Mask) {
	p.section.hop(f, down(p.index), p.leave(f, items))
}

// leave takes items out of the layer. What is not there stays where it is.
func (p *Port) leave(f *Flight, items kernel.Mask) kernel.Mask {
	fresh := f.fresh & items
	f.fresh &^= fresh
	kept := f.kept[p.index] & items &^ fresh
	f.kept[p.index] &^= kept
	for m := kept; m != 0; m &= m - 1 {
		i := m.First()
		f.moves[i]++
		if f.watches != nil && f.watches[i] != nil {
			f.watches[i]()
			f.watches[i] = nil
		}
	}
	return fresh | kept
}

// Holds reports whether the layer holds the item.
func (p *Port) Holds(f *Flight, place int) bool {
	return (f.kept[p.index]|f.fresh)&kernel.One(place) != 0
}

// Held calls do for each flight of which the layer holds items.
func (p *Port) Held(do func(f *Flight, items kernel.Mask)) {
	for _, f := range p.section.flights {
		if m := f.kept[p.index]; m != 0 {
			do(f, m)
		}
	}
}

// Later has [Dueer] called for an item at the time at, if the layer holds it then.
func (p *Port) Later(f *Flight, place int, at int64) {
	p.section.clock.Push(max(at, 0), alarm{f.index, f.moves[place], uint8(place), uint8(p.index), false})
}

// WakeAt has [Waker] called at the time at, or before if that was asked for already.
func (p *Port) WakeAt(at int64) {
	at = max(at, 0)
	if !p.wakes || at < p.wakeAt {
		p.wakes, p.wakeAt = true, at
		p.section.clock.Push(at, alarm{flight: noFlight, layer: uint8(p.index)})
	}
}

// Now is the time since the run began.
func (p *Port) Now() int64 { return p.section.node.Run().Now() }

// In is the time d from now.
func (p *Port) In(d time.Duration) int64 {
	at := p.Now() + int64(d)
	if d > 0 && at < 0 {
		return math.MaxInt64
	}
	return at
}

// Node returns the node of the section.
func (p *Port) Node() *kernel.Node { return p.section.node }

// Run returns the run of the section.
func (p *Port) Run() *kernel.Run { return p.section.node.Run() }

// Context returns the context of the run.
func (p *Port) Context() context.Context { return p.section.node.Run().Ctx }

// Capacity returns how many items the section holds at most.
func (p *Port) Capacity() int { return p.section.capacity }

// Over returns the error of the abort, nil if the run was not aborted.
func (p *Port) Over() error { return p.section.over }

// Out makes a column of results.
func (p *Port) Out(size int) handoff.Column { return p.section.out.Make(size) }

// Ref is a stay of an item in a layer, as other goroutines keep it.
type Ref struct {
	p     *Port
	f     *Flight
	moves uint32
	place uint8
}

// Ref returns the stay of an item that the layer holds, or is about to hold. If the item goes on
// at once instead, the layer must not use the Ref, or call Void.
func (p *Port) Ref(f *Flight, place int) Ref { return Ref{p, f, f.moves[place], uint8(place)} }

// Void makes the Refs void that were made of the place so far.
func (p *Port) Void(f *Flight, place int) { f.moves[place]++ }

// Resume has [Resumer] called, if the layer still holds the item. Any goroutine may call it.
// It does not wait for others.
func (r Ref) Resume() {
	r.p.section.postFrom(note{kind: resumed, f: r.f, items: kernel.One(int(r.place)), moves: r.moves, port: r.p})
}

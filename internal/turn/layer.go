package turn

import (
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// Layer encloses everything below it in a section. Open makes its state for one run, before the run
// begins to work. It returns an error if the layer is faulty.
type Layer interface {
	Open(p *Port) (Handler, error)
}

// Handler is a layer at work. The section calls its methods in its turn: one at a time, but from
// many goroutines. They must not block. The handler must send each item of the mask once, by
// [Port.Down] or [Port.Up], now or later.
//
// At an abort the section takes all items out of the layers, and sends them up with the abort as
// their error. Request is not called after that. Response is called, so that a layer can balance
// its books. A handler that panics is disabled: its items fail, and the run stops.
type Handler interface {
	Request(f *Flight, items kernel.Mask)
	Response(f *Flight, items kernel.Mask)
}

// Optional interfaces of a handler.
type (
	// Resumer is called with an item for which [Ref.Resume] was called.
	Resumer interface{ Resumed(f *Flight, place int) }
	// Dueer is called at the time of [Port.Later] for an item that the layer still holds.
	Dueer interface{ Due(f *Flight, place int) }
	// Leaver is called with an item that the layer holds when the item's caller has gone or its
	// deadline has passed. The layer must send the item up.
	Leaver interface {
		Leave(f *Flight, place int, why error)
	}
	// Punctual says that the layer holds no item beyond its deadline.
	Punctual interface{ Punctual() }
	// Drainer is called once when the intake has stopped.
	Drainer interface{ Drain() }
	// Waker is called at the time of [Port.WakeAt], and after [Port.WakeNow].
	Waker interface{ Wake() }
	// Bounder returns the number of items that the section holds, if the layer is the outermost. The
	// section takes note of a larger number when an item leaves. Any goroutine may call it.
	Bounder interface{ Bound() int }
	// Gate decides about each item at the entrance, if the layer is the outermost. An item that it
	// refuses does not enter. The item leaves at once, before the items inside, and counts as shed.
	// The gate is called without the turn.
	Gate interface {
		// Gates reports whether the layer refuses items at all.
		Gates() bool
		// Try admits the next item, or returns why not. Withdraw undoes the last Try.
		Try() error
		Withdraw()
	}
	// Closer is called when no item is left, unless the handler was disabled.
	Closer interface{ Close() }
	// Releaser is called when the handler was disabled: it gives back permits and the like.
	Releaser interface{ Release() }
	// Observer returns a view of the layer. Any goroutine may call it at any time.
	Observer interface{ Observe() any }
)

// Port is a layer's place in a section. Only the handler's methods may use it, except
// [Port.WakeNow] and [Ref.Resume].
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

// down and up number the lanes, which lead from layer to layer. Lane 2i leads down to layer i; the
// last of them leads to the calls. Lane 2i+1 leads up from layer i; lane 1 leads to the exit.
func down(to int) int { return 2 * to }
func up(from int) int { return 2*from + 1 }

// Down sends items to the layer below.
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

// Again sends items that the layer holds to its own Request again.
func (p *Port) Again(f *Flight, items kernel.Mask) {
	p.section.hop(f, down(p.index), p.leave(f, items))
}

// leave takes items out of the layer. It returns the items that were there.
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

// Held calls do for each flight with items that the layer holds.
func (p *Port) Held(do func(f *Flight, items kernel.Mask)) {
	for _, f := range p.section.flights {
		if m := f.kept[p.index]; m != 0 {
			do(f, m)
		}
	}
}

// At returns the item with a number of [Flight.Slot].
func (p *Port) At(slot int) (f *Flight, place int) {
	return p.section.flights[slot/handoff.BatchSize], slot % handoff.BatchSize
}

// Later makes the section call [Dueer] for an item at the time at, if the layer still holds it
// then.
func (p *Port) Later(f *Flight, place int, at int64) {
	p.section.clock.Push(max(at, 0), alarm{f.index, f.moves[place], uint8(place), uint8(p.index), false})
}

// WakeAt makes the section call [Waker] at the time at, or earlier if an earlier time is set.
func (p *Port) WakeAt(at int64) {
	at = max(at, 0)
	if !p.wakes || at < p.wakeAt {
		p.wakes, p.wakeAt = true, at
		p.section.clock.Push(at, alarm{flight: noFlight, layer: uint8(p.index)})
	}
}

// WakeNow makes the section call [Waker]. Any goroutine may call it. It does not block.
func (p *Port) WakeNow() { p.section.postFrom(note{kind: woken, port: p}) }

// Now returns the time since the run began.
func (p *Port) Now() int64 { return p.section.node.Run().Now() }

// In returns the time d from now, now if d is negative.
func (p *Port) In(d time.Duration) int64 { return kernel.Plus(p.Now(), max(d, 0)) }

// Node returns the node of the section.
func (p *Port) Node() *kernel.Node { return p.section.node }

// Run returns the run of the section.
func (p *Port) Run() *kernel.Run { return p.section.node.Run() }

// Capacity returns how many items the section holds at present.
func (p *Port) Capacity() int {
	s := p.section
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capacity
}

// Slots returns a number above that of [Flight.Slot] of all items in the section. It never falls.
func (p *Port) Slots() int {
	return max(p.Capacity()/handoff.BatchSize+3, len(p.section.flights)) * handoff.BatchSize
}

// Over returns the error of the abort, nil if the run was not aborted.
func (p *Port) Over() error { return p.section.over }

// Out makes a column of results.
func (p *Port) Out(size int) handoff.Column { return p.section.out.Make(size) }

// Ask calls call, which is user code, for an item. A panic becomes an error. In a detached run the
// call gets a copy of the item, and the run can leave it behind: if Ask returns an error, the layer
// must not use anything that the call writes.
func (p *Port) Ask(f *Flight, place int, call func(b *handoff.Batch, i int)) error {
	n := p.section.node
	if !n.Run().Detached() {
		return n.Protect(func() error { call(f.In, place); return nil })
	}
	if n.Run().Aborted() {
		return n.Run().AbortError()
	}
	item := &handoff.Batch{Vals: f.In.Vals.Make(1)}
	f.In.Vals.CopyTo(item.Vals, 0, place, place+1)
	_, err := n.Apart(func() error { call(item, 0); return nil })
	return err
}

// Ref is a stay of an item in a layer, for use by other goroutines.
type Ref struct {
	p     *Port
	f     *Flight
	moves uint32
	place uint8
}

// Ref returns the stay of an item that the layer holds, or is about to hold. If the item moves on
// at once instead, the layer must not use the Ref, or must call Void.
func (p *Port) Ref(f *Flight, place int) Ref { return Ref{p, f, f.moves[place], uint8(place)} }

// Void makes all Refs of the place invalid.
func (p *Port) Void(f *Flight, place int) { f.moves[place]++ }

// Resume makes the section call [Resumer], if the layer still holds the item. Any goroutine may
// call it. It does not block.
func (r Ref) Resume() {
	r.p.section.postFrom(note{kind: resumed, f: r.f, items: kernel.One(int(r.place)), moves: r.moves, port: r.p})
}

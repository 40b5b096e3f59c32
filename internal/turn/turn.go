package turn

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/delay"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/kernel"
)

// kind says what a note is about.
type kind uint8

const (
	request  kind = iota // items have come
	response             // calls have ended
	visits               // a caller has brought an item
	resumed              // Ref.Resume was called for an item
	left                 // an item's caller has gone, or its deadline has passed
	tick                 // the timer has fired
	drain                // the intake has stopped
	abort
	shutting // callers are refused from now on
	closing  // no item is left
	deserts  // a caller waits no more
	staffed  // the number of workers has changed
	woken    // Port.WakeNow was called
)

// note tells the goroutine that has the turn what has happened.
type note struct {
	f     *Flight
	items kernel.Mask
	other kernel.Mask // request: items that failed before; response: items that were dropped
	port  *Port       // resumed, left, woken
	err   error       // left: the reason
	moves uint32
	kind  kind
}

type hop struct {
	f    *Flight
	lane int
}

// turn is the right to run the layers: a mutex. Callers of [Section.Do] wait for it. The other
// goroutines only try to lock it. If another goroutine has the turn, they leave a note and
// continue.
//
//	Ordering: bring leaves a note, and then tries the mutex again. work unlocks the mutex,
//	and then looks for notes. So one of the two goroutines handles the note.
//	Invariant: the notes of one goroutine are handled in order: work handles the notes that were
//	left before it handles its own.
//	Must not: a goroutine that has the turn waits for anything.
type turn struct {
	right sync.Mutex
	mail  atomic.Bool // there are notes

	mu    sync.Mutex // Guards inbox, and the state of both ends of the section
	inbox []note

	// Owner: the turn.
	_      [128]byte // fields that two cores write stay in different cache lines
	todo   []note
	next   int
	hops   []hop
	at     int   // index in hops
	inside *Port // the layer whose handler is running for a hop
	clock  delay.Queue[alarm]
	timer  *time.Timer
	armed  int64 // when the timer fires; 0 if it does not
	over   error // the run was aborted

	closed bool // later notes are ignored
}

// post handles a note, or leaves it to the goroutine that has the turn.
func (s *Section) post(n note) {
	if s.bring(&n) {
		s.send(false, s.limit.Load())
	}
}

// postFrom is post for a goroutine that may have the turn of another section. It does not do the
// work of stages below: their user code could wait for something that the other section holds.
func (s *Section) postFrom(n note) {
	if s.bring(&n) {
		s.send(false, 0)
	}
}

// bring takes the turn and handles the note, or leaves the note. It reports whether the caller has
// the exit now.
func (s *Section) bring(n *note) (exit bool) {
	if s.right.TryLock() {
		return s.work(n)
	}
	s.mu.Lock()
	s.inbox = append(s.inbox, *n)
	s.mail.Store(true)
	s.mu.Unlock()
	return s.right.TryLock() && s.work(nil)
}

// work handles a note and the notes that were left, and then gives up the turn. It reports whether
// the caller has the exit now. If user code ends the goroutine, work first handles the rest. A nil
// note means that work continues with the notes that are left.
func (s *Section) work(n *note) (exit bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if exit { // also if user code ends the goroutine once more
			defer s.send(false, 0)
		}
		if s.work(nil) {
			s.send(false, 0)
		}
	}()
	switch {
	case n == nil:
	case s.mail.Load():
		s.collect()
		s.todo = append(s.todo, *n)
	default:
		s.deliver(n)
	}
	for {
		for s.deal() {
		}
		clear(s.todo)
		s.todo, s.next = s.todo[:0], 0
		if s.overdue() {
			s.ring()
			for s.deal() {
			}
		}
		s.handDown()
		s.rearm()
		exit = s.handOut() || exit
		if !s.mail.Load() {
			s.right.Unlock()
			if !s.mail.Load() || !s.right.TryLock() {
				break
			}
		}
		s.collect()
	}
	returned = true
	return exit
}

// collect takes the notes that were left.
func (s *Section) collect() {
	s.mu.Lock()
	s.mail.Store(false)
	s.todo, s.inbox = s.inbox, s.todo
	s.mu.Unlock()
}

// deal handles the next note, or moves items. Before a note that may not merge with them it moves
// all items that are on their way. The note then finds each item in its layer.
func (s *Section) deal() bool {
	if s.next < len(s.todo) && (s.at == len(s.hops) || s.merges(s.todo[s.next].kind)) {
		n := &s.todo[s.next]
		s.next++
		s.deliver(n)
		return true
	}
	for s.at < len(s.hops) {
		s.walk()
	}
	s.hops, s.at = s.hops[:0], 0
	return s.next < len(s.todo)
}

// merges reports whether the items of a note may join items that are on their way. Requests of an
// unordered section may not: the places of its flights are used again in any order, so the
// outermost layer would not know which items came first.
func (s *Section) merges(k kind) bool {
	return k == response || k == visits || k == request && !s.unordered
}

// walk moves items from layer to layer. If a handler panics, walk disables its layer and returns
// early.
func (s *Section) walk() {
	defer func() {
		if p := s.inside; p != nil {
			s.inside = nil
			s.putOut(p, fault.Caught(s.node.Name, recover()))
		}
	}()
	for s.at < len(s.hops) {
		h := s.hops[s.at]
		s.at++
		s.step(h.f, h.lane)
	}
}

// hop sends items of f along a lane. They join the items of f that are there already.
func (s *Section) hop(f *Flight, lane int, items kernel.Mask) {
	if items == 0 {
		return
	}
	if f.lanes[lane] == 0 {
		s.hops = append(s.hops, hop{f, lane})
	}
	f.lanes[lane] |= items
}

func (s *Section) deliver(n *note) {
	if s.closed {
		return
	}
	s.heed()
	switch n.kind {
	case request:
		s.enlist(n.f, n.items|n.other)
		n.f.passed |= n.other
		s.hop(n.f, down(0), n.items)
		s.hop(n.f, up(0), n.other)
	case visits:
		s.visitComes(n.f, n.items.First())
	case deserts:
		l := n.f.Limit(n.items.First())
		if err := l.Over(s.node.Run().Clock); err != nil { // otherwise other items wait for the call
			s.dequeue(err, func(v *visit) bool { return v.f == n.f && kernel.One(v.place) == n.items })
		}
	case response:
		n.f.dropped |= n.other
		s.callEnded(n.f, n.items)
		s.hop(n.f, up(len(s.ports)), n.items)
	case resumed:
		if s.holds(n.port, n.f, n.items, n.moves) {
			s.call(n.port, func() { n.port.handler.(Resumer).Resumed(n.f, n.items.First()) })
		}
	case left:
		if s.holds(n.port, n.f, n.items, n.moves) {
			s.leaves(n.port, n.f, n.items.First(), n.err)
		}
	case tick:
		s.armed = 0
		s.ring()
	case drain:
		for _, p := range s.ports {
			if d, ok := p.handler.(Drainer); ok && p.broken == nil && s.over == nil {
				s.call(p, d.Drain)
			}
		}
	case staffed:
		s.beginNext()
	case woken:
		if n.port.broken == nil && s.over == nil {
			s.call(n.port, n.port.handler.(Waker).Wake)
		}
	case shutting:
		s.callers.refuse()
	case closing:
		s.shut()
	}
}

// step moves the items of a lane to the layer at its end.
func (s *Section) step(f *Flight, lane int) {
	m, i := f.lanes[lane], lane/2
	f.lanes[lane] = 0
	down := lane&1 == 0
	switch {
	case lane == up(0):
		if m = s.answer(f, m); m != 0 {
			s.top(f, m)
		}
		return
	case !down:
		i--
	}
	s.heed()
	if down && s.over != nil {
		f.Fail(m, s.over)
		s.hop(f, up(i), m)
		return
	}
	if i == len(s.ports) {
		if m = s.callFor(f, m); m != 0 {
			s.pushed = append(s.pushed, calls{f, m, f.Limited(m)})
		}
		return
	}
	p := s.ports[i]
	if p.broken != nil {
		if down {
			f.Fail(m, p.broken)
		}
		s.hop(f, up(i), m)
		return
	}
	f.fresh, s.inside = m, p
	if down {
		p.handler.Request(f, m)
	} else {
		p.handler.Response(f, m)
	}
	s.inside = nil
	s.keep(p, f)
}

// keep records the items that the layer holds after a call of its handler.
func (s *Section) keep(p *Port, f *Flight) {
	m := f.fresh
	if m == 0 {
		return
	}
	f.fresh = 0
	f.kept[p.index] |= m
	if s.over != nil {
		p.Reject(f, m, s.over)
		return
	}
	if p.leaver == nil {
		return
	}
	for m = f.Limited(m); m != 0; m &= m - 1 {
		s.watch(p, f, m.First())
	}
}

// call calls a method of the handler of p, outside of walk. If the method panics, call disables the
// layer.
func (s *Section) call(p *Port, method func()) {
	returned := false
	defer func() {
		if !returned {
			s.putOut(p, fault.Caught(s.node.Name, recover()))
		}
	}()
	method()
	returned = true
}

// holds reports whether the layer holds the item and moves is its present stay.
func (s *Section) holds(p *Port, f *Flight, item kernel.Mask, moves uint32) bool {
	return f.kept[p.index]&item != 0 && f.moves[item.First()] == moves
}

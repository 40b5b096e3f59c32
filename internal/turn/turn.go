package turn

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/delay"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/kernel"
)

// kind says what has happened.
type kind uint8

const (
	request  kind = iota // items have come
	response             // calls have ended
	visits               // a caller has come
	resumed              // an item goes back to its layer
	left                 // an item's caller has gone, or its time is up
	tick                 // the timer has fired
	drain                // the intake has been stopped
	abort
	shutting // callers are let in no more
	closing  // no item is left
	deserts  // a caller has gone
)

// note is what has happened, for the goroutine that has the turn.
type note struct {
	f     *Flight
	items kernel.Mask
	other kernel.Mask // request: had failed before; response: was dropped
	port  *Port       // resumed, left
	err   error       // left: why
	moves uint32
	kind  kind
}

type hop struct {
	f    *Flight
	lane int
}

// turn is the right to run the layers: a mutex. Callers of [Section.Do] wait for it. The other
// goroutines only try to lock it: if another goroutine has the turn, they leave a note and go on.
//
//	Ordering: bring leaves a note, and then tries the mutex again. work and yield unlock the
//	mutex, and then look for notes. So one of the two goroutines deals with the note.
//	Invariant: the notes of one goroutine are dealt with in order: work deals with the notes that
//	were left before it deals with its own.
//	Must not: a goroutine that has the turn waits for anything.
type turn struct {
	right sync.Mutex
	mail  atomic.Bool // there are notes

	mu    sync.Mutex // The desk. Guards what follows, and the ends of the section
	inbox []note

	// Owner: the turn.
	_      [128]byte // what two cores write stays out of each other's cache lines
	todo   []note
	next   int
	hops   []hop
	at     int   // of hops
	inside *Port // whose handler has items that came by a hop
	clock  delay.Queue[alarm]
	timer  *time.Timer
	armed  int64 // when the timer fires; 0 if it does not
	over   error // the run was aborted

	closed bool // notes are void
}

// post has a note dealt with: here, or by the goroutine that has the turn.
func (s *Section) post(n note) {
	if s.bring(&n) {
		s.send(false, s.limit.Load())
	}
}

// postFrom is post in the turn of another section, maybe. The stages below have their work done
// by their own goroutines: user code could wait there for what that section holds up.
func (s *Section) postFrom(n note) {
	if s.bring(&n) {
		s.send(false, 0)
	}
}

// bring takes the turn for the note, or leaves the note. It reports whether the exit is the
// caller's now.
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

// work handles a note and the notes that were left, and then gives up the turn. It reports
// whether the exit is the caller's now. If user code ends the goroutine, the rest is done before
// it goes. Without a note work goes on with what is left.
func (s *Section) work(n *note) (exit bool) {
	returned := false
	defer func() {
		if !returned && (s.work(nil) || exit) {
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

// yield gives up the turn of a goroutine that has brought nothing.
func (s *Section) yield() {
	s.right.Unlock()
	if s.mail.Load() && s.right.TryLock() && s.work(nil) {
		s.send(false, s.limit.Load())
	}
}

// collect takes the notes that were left.
func (s *Section) collect() {
	s.mu.Lock()
	s.mail.Store(false)
	s.todo, s.inbox = s.inbox, s.todo
	s.mu.Unlock()
}

// deal does the next thing there is. What is on its way goes first if something else than
// requests and responses comes up: that finds every item in its place.
func (s *Section) deal() bool {
	if s.next < len(s.todo) && (s.todo[s.next].kind <= visits || s.at == len(s.hops)) {
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

// walk takes what is on its way from layer to layer. If a handler panics, its layer is put out, and
// walk returns before its end.
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

// hop sends items of f along a lane. They join those that wait there already.
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
		if err := l.Over(s.node.Run().Clock); err != nil { // else others wait for the call
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
	case shutting:
		s.callers.turnAway()
	case closing:
		s.shut()
	}
}

// step takes items along a lane to the layer at its end.
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

// keep notes what the layer has not sent on.
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

// call calls another method of the handler of p. If it panics, the layer is put out.
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

// holds reports whether the layer holds the item since the stay moves.
func (s *Section) holds(p *Port, f *Flight, item kernel.Mask, moves uint32) bool {
	return f.kept[p.index]&item != 0 && f.moves[item.First()] == moves
}

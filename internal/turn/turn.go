package turn

import (
	"fmt"
	"sync"
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
	closing // no item is left
	deserts // a caller has gone
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

// turn is the right to run the layers. A goroutine that finds it free takes it. The others
// leave a note and go on.
//
//	Invariant: the goroutine that takes the turn deals with all notes before it gives the
//	turn up, under the desk's mutex; so no note is lost.
//	Must not: a goroutine that has the turn waits for anything.
type turn struct {
	mu     sync.Mutex // The desk. Guards what follows, and the ends of the section
	taken  bool
	closed bool
	inbox  []note

	// Owner: the turn.
	_     [128]byte // what two cores write stays out of each other's cache lines
	todo  []note
	next  int
	hops  []hop
	at    int // of hops
	clock delay.Queue[alarm]
	timer *time.Timer
	armed int64 // when the timer fires; 0 if it does not
	over  error // the run was aborted
}

// post has a note dealt with: here, or by the goroutine that has the turn.
func (s *Section) post(n note) {
	if s.takes(&n) && s.work(&n) {
		s.send(false, s.limit.Load())
	}
}

// postFrom is post in the turn of another section, maybe. The stages below have their work done
// by their own goroutines: user code could wait there for what that section holds up.
func (s *Section) postFrom(n note) {
	if s.takes(&n) && s.work(&n) {
		s.send(false, 0)
	}
}

// takes takes the turn, or leaves the note for the goroutine that has it.
func (s *Section) takes(n *note) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken || s.closed {
		s.inbox = append(s.inbox, *n)
		return false
	}
	s.taken = true
	return true
}

// work handles a note and the notes that arrive meanwhile, and then gives up the turn. It reports
// whether the exit is the caller's now. If user code ends the goroutine, the rest is done before
// it goes. Without a note work goes on with what is left.
func (s *Section) work(n *note) (exit bool) {
	returned := false
	defer func() {
		if !returned && s.work(nil) {
			s.send(false, 0)
		}
	}()
	if n != nil {
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
		s.mu.Lock()
		s.handOut()
		if len(s.inbox) == 0 {
			break
		}
		s.todo, s.inbox = s.inbox, s.todo
		s.mu.Unlock()
	}
	s.taken = false
	exit = !s.sending && len(s.outq) > 0
	s.sending = s.sending || exit
	s.mu.Unlock()
	returned = true
	return exit
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
		h := s.hops[s.at]
		s.at++
		s.step(h.f, h.lane)
	}
	s.hops, s.at = s.hops[:0], 0
	return s.next < len(s.todo)
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
	case closing:
		s.shut()
	}
}

// shut ends the layers. Notes that come later are void.
func (s *Section) shut() {
	defer func() { // also if user code ends the goroutine
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.room <- struct{}{}
	}()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.closeLayers(s.ports)
}

// closeLayers goes on with the next layer if user code ends the goroutine.
func (s *Section) closeLayers(ports []*Port) {
	defer func() {
		if len(ports) > 0 {
			s.closeLayers(ports[1:])
		}
	}()
	for ; len(ports) > 0; ports = ports[1:] {
		p := ports[0]
		if c, ok := p.handler.(Closer); ok && p.broken == nil {
			s.call(p, c.Close)
		}
	}
}

// heed looks whether the run was aborted. Each item that goes on passes here: a layer that gets
// what a call has made of the end of its context knows of the abort by then.
func (s *Section) heed() {
	if s.over == nil && s.node.Run().Aborted() {
		s.end()
	}
}

// end takes back what the layers hold, because the run was aborted.
func (s *Section) end() {
	s.over = s.node.Run().AbortError()
	s.dequeue(s.over, func(*visit) bool { return true })
	s.takeBack(s.ports)
}

// takeBack takes back what layers hold. It goes on with the next layer if user code ends the
// goroutine.
func (s *Section) takeBack(ports []*Port) {
	defer func() {
		if len(ports) > 0 {
			s.takeBack(ports[1:])
		}
	}()
	for ; len(ports) > 0; ports = ports[1:] {
		p := ports[0]
		p.Held(func(f *Flight, held kernel.Mask) {
			for m := held; m != 0 && p.leaver != nil; m &= m - 1 {
				s.leaves(p, f, m.First(), s.over)
			}
			p.Reject(f, held&f.kept[p.index], s.over)
		})
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
	f.fresh = m
	if down {
		s.call(p, func() { p.handler.Request(f, m) })
	} else {
		s.call(p, func() { p.handler.Response(f, m) })
	}
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

// call calls a method of the handler of p. If it panics, the layer is put out.
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

// putOut ends a layer that has panicked, and the run with it: what the layer holds fails, and
// so does what comes.
func (s *Section) putOut(p *Port, cause error) {
	p.broken = fmt.Errorf("stage %q: layer: %w", s.node.Name, cause)
	s.node.Run().Fail(p.broken)
	if cause == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
		s.node.Exited(cause)
	}
	for _, f := range s.flights {
		p.Reject(f, f.kept[p.index]|f.fresh, p.broken)
	}
	if r, ok := p.handler.(Releaser); ok {
		defer func() { _ = recover() }() // it has broken already
		r.Release()
	}
}

// holds reports whether the layer holds the item since the stay moves.
func (s *Section) holds(p *Port, f *Flight, item kernel.Mask, moves uint32) bool {
	return f.kept[p.index]&item != 0 && f.moves[item.First()] == moves
}

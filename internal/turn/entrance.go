package turn

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// enter lets items in until the stream has ended.
func (s *Section) enter() {
	e := s.node.Ins[0]
	for !s.node.Gone() {
		b, from, to := e.Await()
		if b == nil {
			return
		}
		s.admit(e, b, from, to)
	}
}

// admit lets items in, as many at a time as there are seats and places.
func (s *Section) admit(e *kernel.Edge, b *handoff.Batch, from, to int) {
	for from < to {
		most := to - from
		if s.gate != nil {
			if most = 1; !s.passes(b, from) {
				e.Consume(1)
				from++
				continue
			}
		}
		f, at, k := s.reserve(most)
		if s.node.Gone() { // it was left behind while it waited for a seat
			s.mu.Lock()
			s.seats += k
			s.mu.Unlock()
			return
		}
		f.In.Take(at, b, from, from+k)
		n := note{kind: request, f: f, items: kernel.Span(at, at+k)}
		if b.Has(handoff.HasFault) {
			for i := range k {
				if b.Faults[from+i] != nil {
					n.other |= kernel.One(at + i)
				}
			}
			n.items &^= n.other
		}
		e.Consume(k)
		from += k
		s.post(n)
	}
}

// passes asks the gate for the item at i of b. If the gate admits it and there is no seat, passes
// withdraws, waits for a seat and asks again. An item that the gate refuses leaves.
func (s *Section) passes(b *handoff.Batch, i int) bool {
	if b.Fault(i) != nil || s.node.Run().Aborted() {
		return true
	}
	for {
		if err := s.node.Protect(s.gate.Try); err != nil {
			s.turnAway(b, i, err)
			return false
		}
		s.mu.Lock()
		seated := s.seats > 0
		s.mu.Unlock()
		if seated {
			return true
		}
		s.gate.Withdraw()
		s.mu.Lock()
		s.awaitSeat()
		s.mu.Unlock()
	}
}

// turnAway sends an item that the gate refused to the exit.
func (s *Section) turnAway(b *handoff.Batch, i int, err error) {
	s.mu.Lock()
	f, at, _ := s.claim(&s.side, 1)
	s.mu.Unlock()
	f.In.Take(at, b, i, i+1)
	f.Err[at] = err
	if s.release(leaving{f: f, from: at, at: at, to: at + 1, bad: kernel.One(at), shed: true}) {
		s.send(false, s.limit.Load())
	}
}

// awaitSeat waits until there is a seat. The caller holds mu.
func (s *Section) awaitSeat() {
	for s.seats <= 0 {
		s.starved = true
		s.mu.Unlock()
		s.mayStick()
		<-s.room
		s.node.Engage()
		s.mu.Lock()
	}
}

// reserve returns places for up to k items. It waits until there is a seat.
func (s *Section) reserve(k int) (f *Flight, at, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaitSeat()
	f, at, n = s.claim(&s.open, min(k, s.seats))
	s.seats -= n
	return f, at, n
}

// starving wakes the entrance if it waits and there is a seat, because a worker has no work.
func (s *Section) starving() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.widen()
	s.wakeEntrance(1)
}

// widen lets more items in if the bound of the outermost layer has grown. The caller holds mu.
func (s *Section) widen() {
	if s.bounder == nil {
		return
	}
	if more := s.bounder.Bound() - s.capacity; more > 0 {
		s.capacity += more
		s.seats += more
	}
}

// wakeEntrance wakes the entrance if it waits and at least least seats are free. The caller holds
// mu.
func (s *Section) wakeEntrance(least int) {
	if s.starved && s.seats >= least {
		s.starved = false
		s.room <- struct{}{}
	}
}

// mayStick lets the run leave the section behind while it waits for items inside, if user code may
// hold them up. Only a Join is not called apart.
func (s *Section) mayStick() {
	if s.join != nil {
		s.node.Disengage()
	}
}

package turn

import (
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// leaving is adjacent items of a flight that may leave. The masks are copies, because the turn owns
// those of the flight.
type leaving struct {
	f       *Flight
	at, to  int         // at moves on as items are sent
	from    int         // the first item
	bad     kernel.Mask // passed, dropped, or with an error
	passed  kernel.Mask
	dropped kernel.Mask
	shed    bool // refused at the entrance: they leave before the items inside
	joined  int  // items before this one are joined; they are not sent yet if user code has ended the goroutine
}

// top gets the items that come out of the outermost layer. When the turn ends, the exit gets the
// items that are next in order.
func (s *Section) top(f *Flight, m kernel.Mask) {
	f.done |= m
	if s.unordered {
		for m != 0 {
			from, to := m.Run()
			m = m.Without(from, to)
			s.leave(f, from, to)
		}
		return
	}
	for s.head < len(s.order) {
		f := s.order[s.head]
		if f.ready == handoff.BatchSize || f.done>>f.ready&1 == 0 {
			return
		}
		_, to := (f.done >> f.ready << f.ready).Run()
		s.leave(f, f.ready, to)
		if f.ready = to; to < handoff.BatchSize {
			return
		}
		s.order[s.head] = nil
		s.head++
		if s.head == len(s.order) {
			s.order, s.head = s.order[:0], 0
		} else if s.head == handoff.BatchSize {
			s.order, s.head = s.order[:copy(s.order, s.order[s.head:])], 0
		}
	}
}

// leave passes adjacent items to the exit.
func (s *Section) leave(f *Flight, from, to int) {
	m := kernel.Span(from, to)
	l := leaving{f: f, from: from, at: from, to: to, passed: f.passed & m, dropped: f.dropped & m}
	l.bad = l.passed | l.dropped
	for r := m &^ l.bad; r != 0; r &= r - 1 {
		if i := r.First(); f.Err[i] != nil {
			l.bad |= kernel.One(i)
			if fault.IsDrop(f.Err[i]) {
				l.dropped |= kernel.One(i)
			}
		}
	}
	s.ready = append(s.ready, l)
}

// send sends the finished items. The caller must have the exit (s.sending); send gives it up. If
// there is no room below, send continues in a goroutine of its own until there is, so that neither
// a worker nor the turn waits. limit is the largest cost of an item below at which this goroutine
// also does the work below.
func (s *Section) send(wait bool, limit int64) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			panic(p)
		}
		s.send(wait, limit) // user code, of Join or of a stage below, has ended the goroutine
	}()
	s.spare = limit
	s.sendAll(wait)
	returned = true
}

func (s *Section) sendAll(wait bool) {
	for {
		var now int64
		for ; s.done < len(s.batch); s.done++ {
			if !s.sendOn(&s.batch[s.done], wait, &now, s.done == len(s.batch)-1) {
				go s.send(true, s.limit.Load())
				return
			}
		}
		s.mu.Lock()
		for i := range s.batch {
			s.left(&s.batch[i])
		}
		clear(s.batch)
		s.batch, s.done = s.batch[:0], 0
		s.widen()
		s.wakeEntrance(min(handoff.BatchSize, max(1, s.capacity/8)))
		if len(s.outq) == 0 {
			s.sending = false
			if s.ended && s.seats == s.capacity {
				s.room <- struct{}{}
			}
			s.mu.Unlock()
			return
		}
		s.batch, s.outq = s.outq, s.batch
		s.mu.Unlock()
	}
}

// left frees the seats and places of items that were sent. The caller holds mu.
func (s *Section) left(l *leaving) {
	m := kernel.Span(l.from, l.to)
	switch {
	case l.shed:
		if l.f.free |= m; l.f != s.side && l.f.free == ^kernel.Mask(0) {
			s.vacate(l.f, m)
		}
		return
	case s.unordered:
		s.vacate(l.f, m)
	default:
		if l.f.sent |= m; l.f.sent == ^kernel.Mask(0) {
			l.f.sent = 0
			l.f.In.Reset()
			s.vacate(l.f, ^kernel.Mask(0))
		}
	}
	s.seats += m.Len()
}

// sendOn sends adjacent items. It returns false if there is no room and wait is false. The next
// call then continues at the same item.
func (s *Section) sendOn(l *leaving, wait bool, now *int64, last bool) bool {
	n, f := s.node, l.f
	if *now == 0 {
		*now = n.Run().Now()
	}
	for l.at < l.to {
		if l.dropped&kernel.One(l.at) != 0 {
			s.drop(f, l.at)
			l.at++
			continue
		}
		b, at, room := s.place(wait, now)
		if room == 0 {
			return false
		}
		l.at += s.write(l, b, at, room, *now)
	}
	s.leaveCalls(f, l.from, l.to, l.dropped)
	f.forget(l.from, l.to)
	if last {
		s.tally.Publish(&n.Books)
		n.Outs[0].Notify(s.spare, 0)
	}
	return true
}

// place returns the place of the next item below. room is 0 if there is none and wait is false.
func (s *Section) place(wait bool, now *int64) (b *handoff.Batch, at, room int) {
	e := s.node.Outs[0]
	if b, at, room = e.Reserve(false); room > 0 {
		return b, at, room
	}
	e.Notify(s.spare, 0)
	b, at, room = e.Reserve(wait)
	*now = s.node.Run().Now()
	return b, at, room
}

// write sends the item at l.at to b, at at. If it is healthy, write also sends the healthy items
// behind it. It returns the number of items.
func (s *Section) write(l *leaving, b *handoff.Batch, at, room int, now int64) int {
	n, f, i := s.node, l.f, l.at
	k := 1
	if l.bad&kernel.One(i) == 0 {
		_, to := (^l.bad >> i << i).Run()
		k = min(to, l.to, i+room) - i
		if s.join != nil {
			k = s.joined(l, b, at, k)
		} else {
			f.Out.Vals.CopyTo(b.Vals, at, i, i+k)
		}
	}
	if l.bad&kernel.One(i) != 0 {
		k = 1
		b.Spoil(at, s.faultOf(l, i))
	} else {
		s.tally.In += int64(k)
		s.tally.Out += int64(k)
	}
	if n.Run().Timed() && l.passed&kernel.One(i) == 0 && !l.shed {
		s.book(f, i, i+k, now)
	}
	if f.In.Has(handoff.HasTrail) {
		copy(b.Trails[at:], f.In.Trails[i:i+k])
		for j := range k {
			b.Left[at+j] = now
		}
		b.Mark(f.In.Marks.Load() &^ handoff.HasFault)
	} else if b.Has(handoff.HasTrail) {
		clear(b.Trails[at : at+k])
	}
	n.Outs[0].Commit(k)
	return k
}

// joined joins up to k results with their items, and returns how many it has joined. If it stops
// early, the next item fails: Join has panicked for it, or was not called because the run was
// aborted.
func (s *Section) joined(l *leaving, b *handoff.Batch, at, k int) int {
	if l.joined > l.at {
		return min(k, l.joined-l.at)
	}
	done, err := 0, fault.ErrGoexit
	defer func() {
		l.joined = l.at + done
		if done < k {
			l.f.Err[l.joined] = err
			l.bad |= kernel.One(l.joined)
		}
	}()
	err = s.node.Protect(func() error {
		s.join.Join(l.f, l.at, l.at+k, b, at, &done)
		return nil
	})
	if err == nil && done < k {
		err = s.node.Run().AbortError()
	}
	return done
}

// faultOf returns the failure of an item that leaves, and counts it.
func (s *Section) faultOf(l *leaving, i int) *fault.Fault {
	f, n := l.f, s.node
	if l.passed&kernel.One(i) != 0 {
		return f.In.Faults[i]
	}
	s.tally.In++
	if l.shed {
		s.tally.Shed++
	} else {
		s.tally.Fail(f.Err[i])
	}
	return n.NewFault(f.Err[i], int(f.Attempts[i]), f.In.Vals.Value(i), f.In.Trail(i))
}

// drop accounts for an item that was dropped on purpose.
func (s *Section) drop(f *Flight, i int) {
	s.tally.In++
	s.tally.Filtered++
	s.tally.Attempts += int64(f.Attempts[i])
	s.tally.Worked(&s.node.Books, 1, f.work[i])
	f.In.Trail(i).Leave(nil)
}

// book records the time that the section spent on items that leave now. Adjacent items that were
// called together share a record.
func (s *Section) book(f *Flight, from, to int, now int64) {
	n := s.node
	for i := from; i < to; {
		j, work, tries := i, f.work[i], f.Attempts[i]
		for ; j < to && f.work[j] == work && f.Attempts[j] == tries; j++ {
			if f.In.Has(handoff.HasTrail) && f.In.Trails[j] != nil {
				s.tally.Waited(&n.Books, now-f.In.Left[j]-work)
			}
			s.tally.Worked(&n.Books, 1, work)
		}
		s.tally.Attempts += int64(tries) * int64(j-i)
		s.tally.Longest = max(s.tally.Longest, work)
		if f.In.Has(handoff.HasTrail) {
			lineage.RecordGroup(f.In.Trails[i:j], lineage.Record{Begin: now - work, Each: work, Node: n.Index, Attempts: tries, Together: true})
		}
		i = j
	}
}

// leaveCalls tells the hooks that items have left the section. dropped has the dropped ones.
func (s *Section) leaveCalls(f *Flight, from, to int, dropped kernel.Mask) {
	if f.calls == nil {
		return
	}
	h := s.node.Run().CallHooks()
	for i := from; i < to; i++ {
		if c := &f.calls[i]; c.Watched && h.Leave != nil {
			err := f.Err[i]
			if err == nil && dropped&kernel.One(i) != 0 {
				err = fault.ErrDrop
			}
			h.Leave(c, err)
		}
		f.calls[i] = kernel.Call{}
	}
}

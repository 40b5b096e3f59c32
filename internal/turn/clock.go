package turn

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// alarm is a time at which the section calls a layer, for an item or for the layer itself.
type alarm struct {
	flight, moves uint32
	place, layer  uint8
	leaves        bool // a deadline: the section calls the layer that holds the item at that time
}

const noFlight = ^uint32(0)

// watch makes the section call the layer that holds an item when the item's context has ended or
// its deadline has passed.
func (s *Section) watch(p *Port, f *Flight, place int) {
	l := &f.limits[place]
	if l.Deadline != 0 && !p.punctual {
		s.alarm(f, place, l.Deadline)
	}
	if l.Ctx == nil || l.Ctx.Done() == nil {
		return
	}
	if f.watches == nil {
		f.watches = new([handoff.BatchSize]func())
	}
	moves, ctx := f.moves[place], l.Ctx
	unhook := context.AfterFunc(ctx, func() {
		err := (&lineage.Limit{Ctx: ctx}).Gone()
		s.post(note{kind: left, f: f, items: kernel.One(place), moves: moves, port: p, err: err})
	})
	f.watches[place] = func() { unhook() }
}

// alarm makes the clock look at a place at the time at, unless it looks earlier. One alarm serves
// all items that have the place until then, so alarms do not pile up.
func (s *Section) alarm(f *Flight, place int, at int64) {
	if f.alarms == nil {
		f.alarms = new([handoff.BatchSize]int64)
	}
	if old := f.alarms[place]; old == 0 || at < old {
		f.alarms[place] = at
		s.clock.Push(at, alarm{flight: f.index, place: uint8(place), leaves: true})
	}
}

// late looks at a place: an item that is held there and has no time left goes up.
func (s *Section) late(f *Flight, place int) {
	f.alarms[place] = 0
	l := f.Limit(place)
	for _, p := range s.ports {
		if f.kept[p.index]&kernel.One(place) == 0 || p.leaver == nil || p.punctual {
			continue
		}
		if err := l.Over(s.node.Run().Clock); err != nil {
			s.leaves(p, f, place, err)
		} else if l.Deadline != 0 {
			s.alarm(f, place, l.Deadline)
		}
		return
	}
}

// leaves makes the layer send up an item whose caller has gone, or whose deadline has passed.
func (s *Section) leaves(p *Port, f *Flight, place int, why error) {
	if p.broken == nil {
		s.call(p, func() { p.leaver.Leave(f, place, why) })
	}
}

// ring handles all alarms that are due.
func (s *Section) ring() {
	now := s.node.Run().Now()
	for n := s.clock.Len(); n > 0; n-- { // an alarm that is set meanwhile is handled in the next round
		a, ok := s.clock.PopDue(now)
		if !ok {
			return
		}
		s.rings(a, now)
	}
}

func (s *Section) rings(a alarm, now int64) {
	p := s.ports[a.layer]
	if a.flight == noFlight {
		if p.wakes && p.wakeAt <= now && p.broken == nil && s.over == nil {
			p.wakes = false
			s.call(p, p.handler.(Waker).Wake)
		}
		return
	}
	f, place := s.flights[a.flight], int(a.place)
	switch {
	case a.leaves:
		s.late(f, place)
	case s.holds(p, f, kernel.One(place), a.moves) && p.broken == nil:
		s.call(p, func() { p.handler.(Dueer).Due(f, place) })
	}
}

// overdue reports whether an alarm became due during the turn. Without it the alarms of a busy
// section would be late.
func (s *Section) overdue() bool {
	at, ok := s.clock.Next()
	return ok && (s.armed == 0 || at < s.armed) && at <= s.node.Run().Now()
}

// rearm sets the timer for the next alarm.
func (s *Section) rearm() {
	at, ok := s.clock.Next()
	if !ok || s.armed != 0 && s.armed <= at {
		return
	}
	s.armed = max(at, 1)
	d := time.Duration(at - s.node.Run().Now())
	if s.timer == nil {
		s.timer = time.AfterFunc(d, func() { s.post(note{kind: tick}) })
		return
	}
	s.timer.Reset(d)
}

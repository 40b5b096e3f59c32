package turn

import (
	"context"
	"time"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// alarm is a time at which a layer is to be called for an item, or for itself.
type alarm struct {
	flight, moves uint32
	place, layer  uint8
	leaves        bool // a deadline: the layer is the one that holds the item then
}

const noFlight = ^uint32(0)

// watch has the layer called for an item that it holds when the item's context has ended or
// its time is up.
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

// alarm has the clock look at a place at the time at, if it does not look earlier. It does so once
// for all items that have the place until then: alarms do not pile up.
func (s *Section) alarm(f *Flight, place int, at int64) {
	if f.alarms == nil {
		f.alarms = new([handoff.BatchSize]int64)
	}
	if old := f.alarms[place]; old == 0 || at < old {
		f.alarms[place] = at
		s.clock.Push(at, alarm{flight: f.index, place: uint8(place), leaves: true})
	}
}

// late looks at a place: an item that is held there and has no time left leaves.
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

// leaves has the layer let go an item whose caller has gone, or whose time is up.
func (s *Section) leaves(p *Port, f *Flight, place int, why error) {
	if p.broken == nil {
		s.call(p, func() { p.leaver.Leave(f, place, why) })
	}
}

// ring deals with what is due.
func (s *Section) ring() {
	now := s.node.Run().Now()
	for n := s.clock.Len(); n > 0; n-- { // what comes meanwhile has its turn in the next round
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

// overdue reports whether an alarm has come due during the turn, so that the alarms of a busy section
// are not late.
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

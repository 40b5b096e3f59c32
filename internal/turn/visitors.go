package turn

import (
	"context"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// visitors is the part of a section that serves callers. Owner: the turn.
type visitors struct {
	room   *Flight // a flight with free places
	inside int
	shut   bool
	gone   chan struct{} // closed when shut is set and no caller is inside; any goroutine may wait for it
	crew   []*worker     // idle workers for the calls of callers

	running int      // calls that callers are making
	queue   []*visit // visits that wait for a worker's place
}

// arrive gives a place to a caller that came at began. It returns nil if the section refuses callers.
func (s *Section) arrive(ctx context.Context, began int64) *visit {
	if s.callers.shut {
		return nil
	}
	s.callers.inside++
	if s.callers.room == nil {
		s.mu.Lock()
		s.callers.room = s.flight()
		s.mu.Unlock()
	}
	f, i, _ := s.claim(&s.callers.room, 1)
	if f.visits == nil {
		f.visits = new([handoff.BatchSize]visit)
	}
	v := &f.visits[i]
	v.f, v.place, v.ctx, v.began, v.by = f, i, ctx, began, s.borrow()
	v.state.Store(nothingYet)
	return v
}

// departs frees the place of a caller.
func (s *Section) departs(v *visit) {
	v.f.forget(v.place, v.place+1)
	s.callers.crew = append(s.callers.crew, v.by)
	v.ctx, v.by = nil, nil
	if v.f == s.callers.room {
		v.f.free |= kernel.One(v.place)
	} else {
		s.mu.Lock()
		s.vacate(v.f, kernel.One(v.place))
		s.mu.Unlock()
	}
	s.callers.inside--
	if s.callers.shut && s.callers.inside == 0 {
		close(s.callers.gone)
	}
}

// refuse refuses callers from now on.
func (v *visitors) refuse() {
	if v.shut {
		return
	}
	v.shut = true
	if v.inside == 0 {
		close(v.gone)
	}
}

// borrow returns a worker with which a caller makes its call.
func (s *Section) borrow() *worker {
	if n := len(s.callers.crew); n > 0 {
		w := s.callers.crew[n-1]
		s.callers.crew = s.callers.crew[:n-1]
		return w
	}
	w := &worker{crew: &s.crew, pace: kernel.NewPace(0)}
	w.group.Bind(s.node)
	return w
}

// visitComes lets the item of a visit in.
func (s *Section) visitComes(f *Flight, place int) {
	s.number(f)
	f.admit(place, place+1)
	f.visited |= kernel.One(place)
	f.SetLimit(place, lineage.Limit{Ctx: f.visits[place].ctx, Late: fault.ErrExpired})
	s.hop(f, down(0), kernel.One(place))
}

// callFor tells callers whose items have come down to make their calls, as long as workers' places
// are free. It returns the items that have no caller.
func (s *Section) callFor(f *Flight, items kernel.Mask) kernel.Mask {
	for m := items & f.visited; m != 0; m &= m - 1 {
		v := &f.visits[m.First()]
		if len(s.callers.queue) > 0 || !s.vacant() {
			s.callers.queue = append(s.callers.queue, v)
			continue
		}
		s.begin(v)
	}
	return items &^ f.visited
}

// vacant reports whether a worker's place is free.
func (s *Section) vacant() bool { return s.callers.running < max(1, s.node.Workers()) }

// begin tells a caller to make its call. If the caller has gone, a goroutine of its own makes the
// call, since other items may wait for it.
func (s *Section) begin(v *visit) {
	s.callers.running++
	v.limited = v.f.Limited(kernel.One(v.place))
	if !v.tell(makeCall) {
		go func() {
			s.node.Label()
			s.makes(v)
		}()
	}
}

// callEnded lets the next callers begin.
func (s *Section) callEnded(f *Flight, items kernel.Mask) {
	s.callers.running -= (items & f.visited).Len()
	s.beginNext()
}

// beginNext lets callers begin that wait for a worker's place.
func (s *Section) beginNext() {
	for len(s.callers.queue) > 0 && s.vacant() {
		next := s.callers.queue[0]
		s.callers.queue = s.callers.queue[1:]
		s.begin(next)
	}
}

// dequeue fails the visits that match and wait for a worker's place, with err.
func (s *Section) dequeue(err error, match func(*visit) bool) {
	kept := s.callers.queue[:0]
	for _, v := range s.callers.queue {
		if !match(v) {
			kept = append(kept, v)
			continue
		}
		v.f.Err[v.place] = err
		s.hop(v.f, up(len(s.ports)), kernel.One(v.place))
	}
	clear(s.callers.queue[len(kept):])
	s.callers.queue = kept
}

// answer tells callers that their items have come up. It returns the items that have no caller.
func (s *Section) answer(f *Flight, items kernel.Mask) kernel.Mask {
	theirs := items & f.visited
	f.visited &^= theirs
	for m := theirs; m != 0; m &= m - 1 {
		v := &f.visits[m.First()]
		if v.dropped = f.dropped&kernel.One(v.place) != 0; !v.tell(answered) { // the caller has gone
			s.unclaimed(v)
			s.departs(v)
		}
	}
	return items &^ theirs
}

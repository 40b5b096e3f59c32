package kernel

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Source is the sending end of a source with one goroutine. The next value goes to B at At. There
// is room for Room values before the next call of More.
//
// Owner: the source's goroutine. It runs user code and so must not visit a stage below.
type Source struct {
	B        *handoff.Batch
	At, Room int

	out    *Outlet
	trails lineage.Allocator
	first  *lineage.Trail // of the current places
	ofs    int            // the place of first

	pace  Pace
	born  int64 // the last clock read
	gap   int64 // items before the next one that hooks see: Run.gap costs more
	share int   // how many more items may share the clock reading
	of    int   // how many items could share it
}

// NewSource returns the sending end of o as a Source, which costs less per item. The source must
// call End.
func NewSource(o *Outlet) *Source {
	return &Source{out: o, trails: lineage.NewAllocator(&o.node.run.pool), pace: NewPace(0), gap: o.node.run.nextGap()}
}

// More makes room. It blocks while the edge is full or the source is paused, and returns false if
// the run was aborted. Room must be 0.
func (s *Source) More() bool {
	if !s.out.Open() {
		return false
	}
	if s.B, s.At, s.Room = s.out.edge.Reserve(false); s.Room == 0 {
		s.Waited() // the wait for room is not work of the source
		s.B, s.At, s.Room = s.out.edge.Reserve(true)
	}
	if s.out.node.run.timed { // the current places share one slab
		s.Room = min(s.Room, s.trails.Left())
		s.trails.Fill(s.B.Trails[s.At : s.At+s.Room])
		s.first = s.B.Trails[s.At]
		s.ofs = s.At
		s.B.Mark(handoff.HasTrail)
	}
	return true
}

// Paused waits while the source is paused, and reports whether the run was aborted.
func (s *Source) Paused() bool {
	return s.out.node.paused.Load() != nil && !s.out.Open()
}

// Publish sends the next k values, which the source has written. It reports whether the source
// should continue.
func (s *Source) Publish(k int) bool {
	n, e := s.out.node, s.out.edge
	if n.run.timed {
		if s.share -= k; s.share < 0 || e.Hungry() {
			s.read(k)
		}
		born := s.first.Births(s.At-s.ofs, k)
		left := s.B.Left[s.At:][:k]
		for i := range born {
			born[i], left[i] = s.born, s.born
		}
		if n.run.entering() {
			s.enter(k)
		}
	}
	s.At += k
	s.Room -= k
	e.Commit(k)
	if e.Hungry() {
		e.Rouse()
		s.of = 0
	}
	return !s.Paused() && !n.Stopping()
}

// enter gives the next k values the contexts of the hooks.
func (s *Source) enter(k int) {
	r := s.out.node.run
	for _, t := range s.B.Trails[s.At : s.At+k] {
		if s.gap--; s.gap >= 0 {
			continue
		}
		s.gap = r.nextGap()
		if ctx := r.root(); ctx != nil {
			t.CarryContext(ctx)
			s.B.Mark(handoff.HasLimit)
		}
	}
}

// Waited says that the source has waited since the last value. The next value then does not share
// its clock reading.
func (s *Source) Waited() { s.share, s.of = 0, 0 }

// read reads the clock. Items that closely follow each other share a reading, but not an item for
// which the receiver was waiting.
func (s *Source) read(k int) {
	now := s.out.node.run.now()
	if done := s.of - max(s.share, 0); s.of > 0 && done > 0 {
		s.pace.Note(done, now-s.born)
	}
	s.born, s.of = now, s.pace.Share()
	s.share = s.of - k
}

// End ends the use of the source.
func (s *Source) End() {
	s.trails.Unused(s.Room)
	s.trails.Retire()
}

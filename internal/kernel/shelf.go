package kernel

import "github.com/weir-go/weir/internal/handoff"

// Shelf holds the items that a stage has taken from an inlet and not used yet. The items that were
// put aside come first, and then the items at hand.
//
// Owner: the goroutine of the stage.
type Shelf struct {
	In *Inlet

	hand  places   // in the batch of the edge
	aside []places // in batches of the shelf
	kept  int      // items aside
	spare *handoff.Batch
}

// places are adjacent items of a batch.
type places struct {
	b        *handoff.Batch
	from, to int
}

// Len returns the number of items.
func (s *Shelf) Len() int { return s.kept + s.hand.to - s.hand.from }

// Ended reports that the shelf is empty and the stream has ended.
func (s *Shelf) Ended() bool { return s.Len() == 0 && s.In.over && !s.In.Pending() }

// Head returns the first items, which are adjacent in a batch. There must be an item.
func (s *Shelf) Head() (b *handoff.Batch, from, to int) {
	first := &s.hand
	if len(s.aside) > 0 {
		first = &s.aside[0]
	}
	return first.b, first.from, first.to
}

// Use removes the first k items of Head.
func (s *Shelf) Use(k int) {
	if len(s.aside) == 0 {
		s.hand.from += k
		return
	}
	first := &s.aside[0]
	first.b.Vals.Clear(first.from, first.from+k)
	first.from += k
	s.kept -= k
	if first.from == first.to {
		first.b.Reset()
		s.spare = first.b
		s.aside[0] = places{}
		s.aside = s.aside[1:]
	}
}

// Fill takes the next items from the inlet. No item must be at hand. Fill blocks until there are
// items, and returns false at the end of the stream.
func (s *Shelf) Fill() bool {
	from, to, ok := s.In.Take(handoff.BatchSize)
	if ok {
		s.hand = places{s.In.B, from, to}
	}
	return ok
}

// FillNow is Fill for the items at hand in the inlet. It does not block, even after an abort. Then the
// other inlet may have to be emptied before the stages above this one can end.
func (s *Shelf) FillNow() {
	in := s.In
	defer in.hold()()
	if in.Pending() && !in.dead {
		s.hand = places{in.B, in.Pos + 1, in.end}
		in.Pos = in.end - 1
	}
}

// PutAside moves the items at hand to the shelf's own batches, which makes room on the edge.
func (s *Shelf) PutAside() {
	for s.hand.from < s.hand.to {
		last := s.last()
		k := min(last.b.Size()-last.to, s.hand.to-s.hand.from)
		last.b.Take(last.to, s.hand.b, s.hand.from, s.hand.from+k)
		last.to += k
		s.kept += k
		s.hand.from += k
	}
}

// last returns the last places aside, which have room.
func (s *Shelf) last() *places {
	if n := len(s.aside); n > 0 && s.aside[n-1].to < s.aside[n-1].b.Size() {
		return &s.aside[n-1]
	}
	b := s.spare
	if s.spare = nil; b == nil {
		b = handoff.NewBatch(s.In.edge.Columns, s.In.edge.Columns.Most)
	}
	s.aside = append(s.aside, places{b: b})
	return &s.aside[len(s.aside)-1]
}

// Empty accounts for all items: as refused with err, or as dropped on purpose if err is nil. Items
// that failed before pass the stage.
func (s *Shelf) Empty(err error) {
	for s.Len() > 0 {
		b, i, _ := s.Head()
		m := metaOf(b, i)
		switch {
		case m.fault != nil:
			s.In.Pass(&m)
		case err != nil:
			s.In.node.In.Add(1)
			s.In.Refuse(m, b.Vals.Value(i), err)
		default:
			s.In.node.In.Add(1)
			s.In.Drop(m)
		}
		s.Use(1)
	}
}

// Columns returns the maker of columns for the inlet's values.
func (in *Inlet) Columns() handoff.Columns { return in.edge.Columns }

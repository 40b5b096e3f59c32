package kernel

import (
	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Children is the sending end of a stage that makes several items of one and has one goroutine. The
// children continue the lineage of the item. The next value goes to B at At. There is room for Room
// values before the next call of More.
//
// Owner: the stage's goroutine. Failed items pass the stage before Begin or after End.
type Children struct {
	B        *handoff.Batch
	At, Room int

	out    *Outlet
	edge   *Edge
	trails lineage.Allocator
	pace   Pace
	timed  bool
	locked bool // Room is 1 and the outlet is locked: in a detached run other goroutines may send

	parent Meta  // the current item
	born   int64 // when the current item entered the flow
	past   lineage.Fork
	heir   bool          // the children inherit its extras
	kin    *lineage.Slab // the slab that has the fork of the children
	n      int           // children so far
	told   int           // children that the account has

	clock int64         // the last clock reading
	since int           // children since the last reading
	share int           // how many more children may share the reading
	shown *lineage.Slab // the slab that has the record of the reading
	busy  bool          // the work on the current item is not booked yet
	tally account.Tally
}

// NewChildren returns the sending end of o as Children. The stage must close it.
func NewChildren(o *Outlet) *Children {
	r := o.node.run
	return &Children{out: o, edge: o.edge, trails: lineage.NewAllocator(&r.pool), pace: NewPace(0), timed: r.timed}
}

// Begin begins the work on an item.
func (c *Children) Begin(m *Meta) {
	c.book(m.began)
	c.parent, c.n, c.told, c.kin, c.shown, c.busy = *m, 0, 0, nil, nil, true
	c.clock, c.since, c.share = m.began, 0, c.pace.Share()
	if t := m.trail; t != nil {
		c.born, c.past, c.heir = t.Born(), t.ForkHere(), t.HasExtras()
	}
}

// More makes room. It blocks while the edge is full; that time does not count as work. It returns
// false if the stream has ended.
func (c *Children) More() (ok bool) {
	c.account()
	if c.out.node.run.detached {
		c.B, c.At, _, ok = c.out.lock()
		if !ok {
			c.out.unlock()
			return false
		}
		c.Room, c.locked = 1, true
	} else if c.B, c.At, c.Room = c.edge.Reserve(false); c.Room == 0 {
		before := c.out.node.run.stamp()
		c.B, c.At, c.Room = c.edge.Reserve(true)
		waited := c.out.node.run.stamp() - before
		c.clock += waited
		c.parent.began += waited
	}
	if t := c.parent.trail; t != nil {
		if c.trails.Spent() { // the next slab may be the same one, reused
			c.kin, c.shown = nil, nil
		}
		c.Room = min(c.Room, c.trails.Left())
		c.B.Mark(handoff.MarksOf(t))
	}
	return true
}

// Publish sends the next value, which the stage has written. It reports whether the stage should
// continue with the item.
func (c *Children) Publish() bool {
	e := c.edge
	if c.parent.trail != nil {
		c.inherit()
	} else if c.B.Has(handoff.HasTrail) {
		c.B.Trails[c.At] = nil
	}
	c.n++
	c.At++
	c.Room--
	if c.locked {
		c.account() // if the stage is left behind, it cannot account later
		c.locked = false
		c.out.publish(1)
	} else {
		e.Commit(1)
		e.Rouse()
	}
	return !e.unwanted.Load()
}

// inherit gives the next value its trail.
func (c *Children) inherit() {
	s, place := c.trails.At()
	if c.kin != s {
		c.kin = s
		c.trails.Branch(c.past)
	}
	t := c.trails.Take(c.born)
	if c.heir {
		t.Inherit(c.past.From)
	}
	c.B.Trails[c.At] = t
	if !c.timed {
		return
	}
	c.since++
	if c.share--; c.share <= 0 || c.edge.Hungry() {
		c.read(s, place)
	} else if c.shown != s {
		c.show(s, place, c.clock, c.pace.mean)
	}
	c.B.Left[c.At] = c.clock
}

// read reads the clock. The time since the last reading counts for the children since then, in
// equal parts.
func (c *Children) read(s *lineage.Slab, place int) {
	now := c.out.node.run.now()
	each := (now - c.clock) / int64(c.since)
	c.pace.Note(c.since, now-c.clock)
	c.clock, c.since, c.share = now, 0, c.pace.Share()
	c.show(s, place, now-each, each)
}

// show records the work on the child at a place, and on the children after it that share the
// reading.
func (c *Children) show(s *lineage.Slab, place int, begin, each int64) {
	c.shown = s
	s.Record(lineage.Record{
		Mask: ^uint64(0) << place, Begin: begin, Each: each,
		Node: c.out.node.Index, Attempts: 1, Together: true, Open: true,
	})
}

// Any reports whether the item has children.
func (c *Children) Any() bool { return c.n > 0 }

// End ends the work on the item, and returns the number of children. The stage accounts for the
// item itself.
func (c *Children) End() int {
	c.account()
	c.Room = 0
	return c.n
}

// account adds the new children to the account of the node.
func (c *Children) account() {
	if k := int64(c.n - c.told); k > 0 {
		c.out.node.Derived.Add(k)
		c.out.node.Out.Add(k)
		c.told = c.n
	}
}

// Idle books the last item. The stage calls it before it waits for an item, and after the last one.
func (c *Children) Idle() {
	c.book(c.out.node.run.stamp())
	c.tally.Publish(&c.out.node.Books)
}

// book books the work on the last item, which ended at end.
func (c *Children) book(end int64) {
	if !c.busy {
		return
	}
	c.busy = false
	if m := &c.parent; m.trail != nil && c.timed {
		work := end - m.began
		c.tally.Attempts++
		c.tally.Waited(&c.out.node.Books, m.began-m.left)
		c.tally.Worked(&c.out.node.Books, 1, work)
		c.tally.Longest = max(c.tally.Longest, work)
		c.pace.Note(c.since+1, end-c.clock)
	}
}

// Close ends the use of the sending end.
func (c *Children) Close() {
	c.account()
	c.Idle()
	c.trails.Retire()
}

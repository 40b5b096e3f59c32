package kernel

import (
	"time"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Meta is what belongs to an item beside its value.
type Meta struct {
	trail       *lineage.Trail
	fault       *fault.Fault
	left, began int64 // when it left the stage before, and when the current stage received it
	waited      bool  // the stage only waited: its work ended when it began
	booked      bool  // the time in the stage is booked
}

// metaOf returns what place i of b has beside its value.
func metaOf(b *handoff.Batch, i int) (m Meta) {
	m.fault = b.Fault(i)
	if m.trail = b.Trail(i); m.trail != nil {
		m.left = b.Left[i]
	}
	return m
}

// Fault returns the failure of the item, nil if it is healthy.
func (m *Meta) Fault() *fault.Fault { return m.fault }

// Limit returns what ends the work on the item.
func (m *Meta) Limit() lineage.Limit { return m.trail.Limit() }

// Began returns the time of the run at which the stage received the item.
func (n *Node) Began(m *Meta) int64 {
	if !n.run.timed {
		return n.run.now()
	}
	return m.began
}

// Acked reports whether a source waits for the item.
func (m *Meta) Acked() bool { return m.trail.Receipt().Waits() }

// Age returns the time since the item entered the first part of its graph; 0 if that is not
// known.
func (n *Node) Age(m *Meta) time.Duration {
	if m.trail == nil || !n.run.timed {
		return 0
	}
	return time.Duration(n.run.now() - m.trail.Entered())
}

// ID returns the name that the source gave the item, empty if it gave none. alone reports that no
// other item has this ID: the item was not derived from another one, and is not made of several.
func (m *Meta) ID() (id string, alone bool) { return m.trail.ID() }

// Occurrence counts one publication under a name. It returns 1 for the first one under that name,
// and so on. The item must have an ID. Items that are made of the same ones, such as two
// overlapping windows, have different receipts. So a receipt that all of them share counts.
func (m *Meta) Occurrence(name string) int { return m.trail.Occurrence(name) }

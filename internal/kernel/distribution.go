package kernel

import (
	"time"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/lineage"
)

// Distribute makes the nodes that are created from now on keep distributions.
func (r *Run) Distribute() { r.distributed = r.timed }

// Spreads returns the counts of the node's waits, works and ages by the index of their bucket, and
// the sum of the ages. They are nil if the node keeps none.
func (n *Node) Spreads() (wait, work, age []uint64, aged time.Duration) {
	if wait, work, age, aged = n.Books.Spreads(); !n.IsSink() {
		age = nil
	}
	return wait, work, age, aged
}

// accepted books an item that the sink at the node has accepted.
func (n *Node) accepted(m *Meta) {
	if n.IsSink() && m.trail != nil {
		n.Books.Accepted(m.trail.Born(), max(m.began, m.left))
	}
}

// acceptedAll books items that the sink at the node has accepted now.
func (n *Node) acceptedAll(trails []*lineage.Trail) {
	if n.IsSink() && n.Books.Distributed() {
		n.Books.AcceptedAll(trails, n.run.now())
	}
}

// AcceptedAfter books that a caller has got the result of its item. The item entered the flow age
// nanoseconds ago.
func (n *Node) AcceptedAfter(age int64) { n.Books.Accepted(0, age) }

// agesOf is [account.Tally.Ages] at a sink.
func (n *Node) agesOf(t *account.Tally, trails []*lineage.Trail, left []int64) {
	if n.IsSink() {
		t.Ages(&n.Books, trails, left)
	}
}

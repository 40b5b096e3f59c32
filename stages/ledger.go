package stages

import "fmt"

// Ledger is the account of the items that came to a node, or into a flow. It
// counts healthy items only: an item that has failed before passes the node by
// and is no business of its ledger.
type Ledger struct {
	// In is what arrived; at a source, what it brought.
	In int64
	// Derived is what the node made beside the items it received: all but one
	// of the items that a FlatMap makes of one.
	Derived int64
	// Recovered is what arrived failed and was taken up by the node: replaced,
	// dropped or dead-lettered by an error policy.
	Recovered int64

	// Out is what left healthy; at a sink, what it accepted.
	Out int64
	// Folded is what became part of another item: all but one of the items in
	// a batch.
	Folded int64
	// Filtered is what was dropped on purpose.
	Filtered int64
	// Failed is what failed here.
	Failed int64
	// Shed is what was refused here because a limit was reached.
	Shed int64
	// Expired is what had no time left.
	Expired int64
	// DeadLettered is what was put aside for good.
	DeadLettered int64
}

// Balance returns what came minus what is accounted for: 0 at rest, and the
// number of items inside while the node is at work.
func (l Ledger) Balance() int64 {
	return l.In + l.Derived + l.Recovered -
		(l.Out + l.Folded + l.Filtered + l.Failed + l.Shed + l.Expired + l.DeadLettered)
}

// Check returns an error that shows the ledger where it does not balance.
func (l Ledger) Check() error {
	if b := l.Balance(); b != 0 {
		return fmt.Errorf("ledger is off by %d: %+v", b, l)
	}
	return nil
}

// Plus returns the sum of both accounts.
func (l Ledger) Plus(o Ledger) Ledger {
	return Ledger{
		In: l.In + o.In, Derived: l.Derived + o.Derived, Recovered: l.Recovered + o.Recovered,
		Out: l.Out + o.Out, Folded: l.Folded + o.Folded, Filtered: l.Filtered + o.Filtered,
		Failed: l.Failed + o.Failed, Shed: l.Shed + o.Shed, Expired: l.Expired + o.Expired,
		DeadLettered: l.DeadLettered + o.DeadLettered,
	}
}

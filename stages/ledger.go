package stages

import (
	"fmt"
	"time"
)

// Ledger is the account of the items that came to a stage, or into a flow. It counts
// healthy items only: an item that has failed before passes the stage by. In JSON its names are
// in lower snake case.
type Ledger struct {
	// In is what arrived; at a source, what it brought.
	In int64 `json:"in"`
	// Derived is what the stage made beside the items it received: all but one of the
	// items that a FlatMap makes of one.
	Derived int64 `json:"derived"`
	// Recovered is what arrived failed and was accepted by the stage: an error policy replaced
	// it, dropped it, dead-lettered it or handed it back.
	Recovered int64 `json:"recovered"`

	// Out is what left healthy; at a sink, what it accepted.
	Out int64 `json:"out"`
	// Folded is what became part of another item: all but one of the items in a batch.
	Folded int64 `json:"folded"`
	// Filtered is what was dropped on purpose.
	Filtered int64 `json:"filtered"`
	// Failed is what failed here.
	Failed int64 `json:"failed"`
	// Shed is what was refused here because a limit was reached.
	Shed int64 `json:"shed"`
	// Expired is what had no time left.
	Expired int64 `json:"expired"`
	// DeadLettered is what was put aside as a dead letter.
	DeadLettered int64 `json:"dead_lettered"`
	// HandedBack is what went back to its source; see [HandBack].
	HandedBack int64 `json:"handed_back"`
}

// Balance returns what came minus what is accounted for: 0 at rest, and the number of
// items inside while the stage is at work.
func (l Ledger) Balance() int64 {
	return l.In + l.Derived + l.Recovered -
		(l.Out + l.Folded + l.Filtered + l.Failed + l.Shed + l.Expired + l.DeadLettered + l.HandedBack)
}

// Check returns an error that shows the ledger if it does not balance.
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
		DeadLettered: l.DeadLettered + o.DeadLettered, HandedBack: l.HandedBack + o.HandedBack,
	}
}

// Effort is the time a stage took, over all items.
type Effort struct {
	// Attempts is how often the stage's function was called.
	Attempts int64
	// Wait and Work are the sums of the [Timing] of all items.
	Wait, Work time.Duration
	// Longest is the longest work on a single item. If cheap items shared clock reads, it
	// is what is left of their time when the others took what items usually take.
	Longest time.Duration
}

// EdgeState is an edge of a run at one moment. If items pile up before a stage, Full on the
// edge to it grows; Empty grows if the stage has nothing to do. Following the full edges
// down the graph leads to the stage that all others wait for.
type EdgeState struct {
	// From and To are the names of the stages.
	From, To string
	// Depth is how many items are on the edge: sent by the one stage and not finished by
	// the other. Bound is how many there can be.
	Depth, Bound int
	// Full is how long From was blocked because the edge was full. Empty is how long To was
	// blocked because the edge was empty; it is zero in an untimed run.
	Full, Empty time.Duration
	// Fused reports that the goroutine of From did To's work on the last items: both stages
	// are cheap and share it. Empty leaves that time out.
	Fused bool
	// Blocked reports that From waits for room now.
	Blocked bool
}

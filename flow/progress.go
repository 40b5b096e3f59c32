package flow

import "github.com/weir-go/weir/stages"

// Progress returns a number that changes whenever an item goes on, and from how many goroutines
// functions are being called. A run is stuck if there are calls and the number stays the same for
// long. Items that wait by design, for a timer, a permit or a retry, are no calls.
func (r *Run) Progress() (moved int64, calls int) {
	for _, n := range r.kernel.Nodes() {
		l := stages.Ledger(n.Ledger())
		came := l.In + l.Derived + l.Recovered
		moved += came + (came - l.Balance()) + n.Effort().Attempts
		if !n.Ended() {
			calls += n.Calls()
		}
	}
	return moved, calls
}

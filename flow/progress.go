package flow

import "github.com/weir-go/weir/stages"

// Progress returns moved, which changes whenever an item moves, and calls, the number of
// goroutines in which functions are being called. A run is stuck if calls is above 0 and moved
// stays the same for a long time. Items that wait for a timer, a permit or a retry are not calls.
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

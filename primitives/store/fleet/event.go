package fleet

import "time"

// Event is a change of the store that a node has noticed.
type Event struct {
	// Name is the name of the breaker's or the dedup's policy.
	Name string
	// Kind is what happened. Degraded and Recovered take turns, and Degraded is the
	// first of the two. Wiped comes once for each loss.
	Kind EventKind
	// Err is the error of the store if Kind is Degraded.
	Err error
	// At is when it happened.
	At time.Time
}

// EventKind is what an [Event] is about.
type EventKind uint8

const (
	// Degraded: the store does not answer, and each node goes on by itself.
	Degraded EventKind = iota + 1
	// Recovered: the store answers, and its news are known.
	Recovered
	// Wiped: the store has lost its data and its revisions have begun again. The node
	// has forgotten the revisions that it knew, and goes by what the store tells now.
	// See the package store on how a store avoids this.
	Wiped
)

// String returns "degraded", "recovered" or "wiped".
func (k EventKind) String() string {
	switch k {
	case Degraded:
		return "degraded"
	case Recovered:
		return "recovered"
	case Wiped:
		return "wiped"
	}
	return "unknown"
}

package fleet

import "time"

// Event is a change in what can be shared.
type Event struct {
	// Name is the name of the breaker's or the dedup's policy.
	Name string
	// Kind is what happened. The first event is Degraded, and from then on the two
	// kinds take turns.
	Kind EventKind
	// Err is what the store said, where Kind is Degraded.
	Err error
	// At is when it happened.
	At time.Time
}

// EventKind is what an [Event] is about.
type EventKind uint8

const (
	// Degraded: the store does not answer, and each node goes on by itself.
	Degraded EventKind = iota + 1
	// Recovered: the store answers, and what it says is known.
	Recovered
)

// String returns "degraded" or "recovered".
func (k EventKind) String() string {
	switch k {
	case Degraded:
		return "degraded"
	case Recovered:
		return "recovered"
	}
	return "unknown"
}

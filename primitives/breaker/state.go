package breaker

// State is what a [Breaker] does with the next call.
type State uint8

const (
	// Closed: calls pass.
	Closed State = iota
	// Open: calls are rejected.
	Open
	// HalfOpen: a call passes as a probe if a place is free, and is rejected otherwise.
	HalfOpen
)

// String returns "closed", "open" or "half-open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "unknown"
}

package guard

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrShed is what every [*ShedError] is, for errors.Is.
	ErrShed = errors.New("guard: shed")
	// ErrPolicy is what every [*PolicyError] is, for errors.Is.
	ErrPolicy = errors.New("guard: invalid policy")
	// ErrCall is what every [*CallError] is, for errors.Is.
	ErrCall = errors.New("guard: invalid call")
)

// Reason says why a call was shed.
type Reason uint8

const (
	// Full: no permit was left, and the call was not to wait.
	Full Reason = iota
	// QueueFull: as many calls waited as [MaxQueue] allows.
	QueueFull
	// Stale: the call had waited too long in a queue that stood; see [CoDel].
	Stale
	// Late: the call would have waited beyond its deadline; see [Deadlines].
	Late
)

// String says the reason in words.
func (r Reason) String() string {
	switch r {
	case Full:
		return "no permit left"
	case QueueFull:
		return "queue full"
	case Stale:
		return "waited too long"
	case Late:
		return "deadline too near"
	}
	return "unknown"
}

// ShedError says that a call was turned away because the guard was full. A
// guard returns the same ones again and again, so that shedding, which happens
// when there is no time to lose, costs no allocation: read it, do not change it.
// A new one is only made where the depth is not the capacity, as with weights,
// and where the guard measures how long permits are held, and so can tell After.
type ShedError struct {
	Name     string // of the guard; "" where it has none
	Reason   Reason
	Depth    int // units in use when the call was shed
	Capacity int
	// After is the expected time until the call would have been served, and 0
	// where that is not known: where the guard is neither [Adaptive] nor looks at
	// [Deadlines].
	After time.Duration
}

// Error names the guard, gives depth and capacity, and says why unless it was for
// being full.
func (e *ShedError) Error() string {
	text := fmt.Sprintf("%s: shed, %d of %d in flight", label(e.Name), e.Depth, e.Capacity)
	if e.Reason != Full {
		text += ", " + e.Reason.String()
	}
	if e.After > 0 {
		text += fmt.Sprintf(", try again in %v", e.After)
	}
	return text
}

// Unwrap returns [ErrShed].
func (e *ShedError) Unwrap() error { return ErrShed }

// Outcome is ignored: the call never reached the service, so it says nothing
// about it to a breaker and is no failed attempt to a retry. It carries After.
func (e *ShedError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After}
}

// shedError returns the error of a call that is shed now. The caller has the lock.
func (g *Guard) shedError(r Reason, c call, now time.Duration) *ShedError {
	depth := g.depth()
	if r == Stale {
		// It goes while a unit is on its way to the next, which is not free.
		depth = g.capacity()
	}
	if e := g.shared[r]; e != nil && depth == e.Depth {
		return e
	}
	return &ShedError{Name: g.name, Reason: r, Depth: depth, Capacity: g.capacity(), After: g.expected(c, now)}
}

// WaitError says that the context of a call was over before the call got a
// permit. errors.Is finds [context.Canceled] or [context.DeadlineExceeded] in it.
type WaitError struct {
	Name string // of the guard; "" where it has none
	Err  error  // the Err of the context
}

// Error names the guard and what ended the wait.
func (e *WaitError) Error() string {
	return fmt.Sprintf("%s: wait for a permit: %v", label(e.Name), e.Err)
}

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Err }

// Outcome is ignored, also for a deadline: it passed in the queue, before the
// call reached the service.
func (e *WaitError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// CallError says that the options of a call cannot be met: a weight below 1 or
// above the capacity, or a level that there is not.
type CallError struct {
	Name     string // of the guard; "" where it has none
	Weight   int
	Capacity int // the most it can be
	Level    Level
}

// Error names the guard and what is wrong with the call.
func (e *CallError) Error() string {
	switch {
	case e.Weight < 1:
		return fmt.Sprintf("%s: weight %d is below 1", label(e.Name), e.Weight)
	case e.Level < Low || e.Level > High:
		return fmt.Sprintf("%s: level %d is unknown", label(e.Name), e.Level)
	}
	return fmt.Sprintf("%s: weight %d is above the capacity %d", label(e.Name), e.Weight, e.Capacity)
}

// Unwrap returns [ErrCall].
func (e *CallError) Unwrap() error { return ErrCall }

// Outcome is ignored: the call never reached the service.
func (e *CallError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// PolicyError says what is wrong with a [Policy], or with a new capacity.
type PolicyError struct {
	Name string // of the policy; "" where it has none
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	return label(e.Name) + ": invalid policy: " + strings.ReplaceAll(fmt.Sprint(e.Err), "\n", "; ")
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// label begins the text of every error.
func label(name string) string {
	if name == "" {
		return "guard"
	}
	return fmt.Sprintf("guard %q", name)
}

package guard

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrShed matches every [*ShedError], by errors.Is.
	ErrShed = errors.New("guard: shed")
	// ErrKey matches every [*KeyError], by errors.Is.
	ErrKey = errors.New("guard: invalid key")
	// ErrPolicy matches every [*PolicyError], by errors.Is.
	ErrPolicy = errors.New("guard: invalid policy")
	// ErrCall matches every [*CallError], by errors.Is.
	ErrCall = errors.New("guard: invalid call")
)

// Reason says why a call was shed.
type Reason uint8

const (
	// Full: no permit was left, and the call does not wait.
	Full Reason = iota
	// QueueFull: as many calls waited as [MaxQueue] allows.
	QueueFull
	// Stale: the call had waited too long in a queue that stayed long; see [CoDel].
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

// ShedError says that a call was turned away because the guard was full.
//
// A guard returns the same value again and again, so that shedding costs no allocation.
// Read it, do not change it. The guard makes a new value only if the depth differs from
// the capacity, as it does with weights, or if the guard can tell After.
type ShedError struct {
	Name     string // of the guard; "" if it has none
	Reason   Reason
	Depth    int // units in use when the call was shed
	Capacity int
	// After is the expected time until the call would have been served. It is 0
	// unless the guard is [Adaptive] or looks at [Deadlines].
	After time.Duration
}

// Error names the guard, its depth and its capacity. It tells the reason unless that is
// [Full].
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

// Outcome is ignored, and carries After. The call never reached the service, so a
// breaker ignores it, and a retry does not count it as a failed attempt.
func (e *ShedError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After}
}

// shedError returns the error of a call that is shed now. The caller holds the lock.
func (g *Guard) shedError(r Reason, c call, now time.Duration) *ShedError {
	depth := g.depth()
	if r == Stale {
		// A unit on its way to the next waiter is not free.
		depth = g.capacity()
	}
	if e := g.shared[r]; e != nil && depth == e.Depth {
		return e
	}
	return &ShedError{Name: g.name, Reason: r, Depth: depth, Capacity: g.capacity(), After: g.expected(c, now)}
}

// WaitError says that the context of a call ended before the call got a permit.
// errors.Is finds [context.Canceled] or [context.DeadlineExceeded] in it.
type WaitError struct {
	Name string // of the guard; "" if it has none
	Err  error  // the Err of the context
}

// Error names the guard and what ended the wait.
func (e *WaitError) Error() string {
	return fmt.Sprintf("%s: wait for a permit: %v", label(e.Name), e.Err)
}

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Err }

// Outcome is ignored, even for a deadline: it passed in the queue, before the call
// reached the service.
func (e *WaitError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// CallError says what is wrong with a call: its weight is below 1 or above the
// capacity, its level is unknown, or it gives [Guard.Enlist] no function.
type CallError struct {
	Name     string // of the guard; "" if it has none
	Weight   int
	Capacity int // the greatest that the guard can have
	Level    Level
	Err      error // nil if weight or level is wrong
}

var errNilThen = errors.New("the function to call is nil")

// Error names the guard and what is wrong with the call.
func (e *CallError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %v", label(e.Name), e.Err)
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

// PolicyError says what is wrong with a [Policy], a new capacity or a guard.
type PolicyError struct {
	Name string // of the policy; "" if it has none
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	text := label(e.Name) + ": invalid policy"
	if e.Err != nil {
		text += ": " + strings.ReplaceAll(e.Err.Error(), "\n", "; ")
	}
	return text
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// Outcome is ignored: the call never reached the service.
func (e *PolicyError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// KeyError refuses a key of a [Registry] that could not be found again: one that cannot
// be hashed, or that is not equal to itself. It does not tell the key, which may be
// confidential.
type KeyError struct {
	Name string // of the policy; "" if it has none
	Err  error  // the type of the key, and what is wrong with it
}

// Error names the policy and tells what is wrong with the key.
func (e *KeyError) Error() string { return fmt.Sprintf("%s: invalid key: %v", label(e.Name), e.Err) }

// Unwrap returns [ErrKey] and what is wrong with the key.
func (e *KeyError) Unwrap() []error { return []error{ErrKey, e.Err} }

// Outcome is ignored: the call never reached the service.
func (e *KeyError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// label begins the text of every error.
func label(name string) string {
	if name == "" {
		return "guard"
	}
	return fmt.Sprintf("guard %q", name)
}

package breaker

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrOpen is matched, by errors.Is, by every rejection.
	ErrOpen = errors.New("breaker: open")
	// ErrPolicy is matched, by errors.Is, by every refusal of a policy.
	ErrPolicy = errors.New("breaker: invalid policy")
)

// OpenError is the rejection of a call: the breaker is open, or half-open with
// all its probes out, or closed and ramping up. The function was not called.
//
// One value is handed to all who are rejected for the same reason, so that a
// rejection does not allocate: treat it as read-only.
type OpenError struct {
	// Name is the name of the policy.
	Name string
	// State is Open; HalfOpen where all probe slots were taken or the gate refused;
	// or Closed where a [Ramp] held the call back.
	State State
	// Mode is ForcedOpen where that is the reason.
	Mode Mode

	base  time.Time
	until time.Duration // since base, monotonic
	near  time.Duration // from then on the clock matters; see alarm.go
	pause time.Duration // if not 0, After is that, and until means nothing
}

// Error returns a text that begins with the one of [ErrOpen] and tells the name,
// the reason and the time left.
func (e *OpenError) Error() string {
	left := e.After()
	if left > time.Second {
		left = left.Round(time.Millisecond)
	}
	switch {
	case e.Mode == ForcedOpen:
		return fmt.Sprintf("%v: %q is forced open", ErrOpen, e.Name)
	case e.State == HalfOpen:
		return fmt.Sprintf("%v: %q is half-open and its probes are out, next slot in %v at the latest", ErrOpen, e.Name, left)
	case e.State == Closed:
		return fmt.Sprintf("%v: %q is ramping up, try again in %v", ErrOpen, e.Name, left)
	}
	return fmt.Sprintf("%v: %q, next probe in %v", ErrOpen, e.Name, left)
}

// After returns how long it takes from now, the time of the call to After, until
// the breaker can admit a probe. In state HalfOpen that is the time until the
// oldest probe's lease ends; the probe's result usually comes earlier. Where no
// such time is known, it is when it is worth to ask again: the recovery, at least a
// second, in mode ForcedOpen, and a hundredth of the [Ramp]. It is at
// least 1 ns, so that it never reads as "no time was told".
func (e *OpenError) After() time.Duration {
	if e.pause > 0 {
		return e.pause
	}
	return max(e.until-time.Since(e.base), 1)
}

// Outcome says that a rejection tells nothing about the service and when to come
// back: [outcome.Ignored] with [OpenError.After].
func (e *OpenError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After()}
}

// Is reports whether target is [ErrOpen].
func (e *OpenError) Is(target error) bool { return target == ErrOpen }

// PolicyError lists all that is wrong with a [Policy].
type PolicyError struct {
	// Name is the name of the policy, which may be what is wrong with it.
	Name string
	// Err joins one error for each fault.
	Err error
}

// Error returns the name and all faults in one line.
func (e *PolicyError) Error() string {
	return fmt.Sprintf("%v: %q: %s", ErrPolicy, e.Name, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
}

// Unwrap returns the joined faults.
func (e *PolicyError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrPolicy].
func (e *PolicyError) Is(target error) bool { return target == ErrPolicy }

package breaker

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrOpen is matched by every rejection, for errors.Is.
	ErrOpen = errors.New("breaker: open")
	// ErrPolicy is matched by every [*PolicyError], for errors.Is.
	ErrPolicy = errors.New("breaker: invalid policy")
	// ErrKey is matched by every [*KeyError], for errors.Is.
	ErrKey = errors.New("breaker: invalid key")
)

// These are the failures of calls that have no error.
var (
	errForsaken  = errors.New("the call panicked or called runtime.Goexit")
	errUndecided = errors.New("the probes have said nothing")
	errWitnessed = errors.New("RecordFailure was called")
)

// OpenError is the rejection of a call: the breaker is open, or half-open with all its
// probes out, or closed and ramping up. The function was not called.
//
// All calls that are rejected for the same reason get the same value, so a rejection
// does not allocate. Treat it as read-only.
type OpenError struct {
	// Name is the name of the policy.
	Name string
	// State is Open; HalfOpen if all probes were out or the gate refused; or Closed if a
	// [Ramp] held the call back.
	State State
	// Mode is ForcedOpen if that is the reason.
	Mode Mode
	// Rule is the rule that was met when the breaker opened, as [Change] names it. It
	// is empty if its probes opened the breaker, or if it was opened by hand.
	Rule string
	// Failure is the error of the call or probe that opened the breaker, as in
	// [Change]. It is the error of another call: errors.Is and errors.As do not look
	// into it. A breaker keeps it until it closes.
	Failure error

	base  time.Time
	until time.Duration // since base, monotonic
	near  time.Duration // when the clock begins to matter; see alarm.go
	pause time.Duration // what After returns, if it is not 0; until then means nothing
}

// Error returns a text that begins with the text of [ErrOpen]. It tells the name, the
// reason, the time left, and what opened the breaker.
func (e *OpenError) Error() string {
	left := e.After()
	if left > time.Second {
		left = left.Round(time.Millisecond)
	}
	switch {
	case e.Mode == ForcedOpen:
		return fmt.Sprintf("%v: %q is forced open", ErrOpen, e.Name)
	case e.State == HalfOpen:
		return fmt.Sprintf("%v: %q is half-open and its probes are out, next slot in %v at the latest%s", ErrOpen, e.Name, left, e.openedBy())
	case e.State == Closed:
		return fmt.Sprintf("%v: %q is ramping up, try again in %v", ErrOpen, e.Name, left)
	}
	return fmt.Sprintf("%v: %q, next probe in %v%s", ErrOpen, e.Name, left, e.openedBy())
}

// openedBy is the end of the text: what opened the breaker.
func (e *OpenError) openedBy() string {
	by := e.Rule
	switch {
	case by == "" && e.Failure == nil:
		return ""
	case by == "":
		by = "its probes"
	case e.Failure == nil:
		return ", opened by " + by
	}
	return ", opened by " + by + ": " + strings.ReplaceAll(e.Failure.Error(), "\n", ": ")
}

// After returns how long it takes, from the call of After on, until the breaker can admit
// a probe. In state HalfOpen that is the time until the lease of the oldest probe ends;
// the result of the probe usually comes earlier. If no such time is known, After returns
// a time after which another try is reasonable. In mode ForcedOpen that is after the
// recovery, at least 1 s. During a [Ramp] it is after a hundredth of the ramp. It is at
// least 1 ns, since 0 would mean that no time is known.
func (e *OpenError) After() time.Duration {
	if e.pause > 0 {
		return e.pause
	}
	return max(e.until-time.Since(e.base), 1)
}

// Outcome is [outcome.Ignored] with [OpenError.After]: a rejection says nothing about the
// service, and tells when to come back.
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

// Error returns the name, if there is one, and all faults in one line.
func (e *PolicyError) Error() string {
	faults := strings.ReplaceAll(e.Err.Error(), "\n", "; ")
	if e.Name == "" {
		return fmt.Sprintf("%v: %s", ErrPolicy, faults)
	}
	return fmt.Sprintf("%v: %q: %s", ErrPolicy, e.Name, faults)
}

// Unwrap returns the joined faults.
func (e *PolicyError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrPolicy].
func (e *PolicyError) Is(target error) bool { return target == ErrPolicy }

// Outcome is [outcome.Permanent]: no further try can change a policy.
func (e *PolicyError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Permanent} }

// KeyError refuses a key of a [Registry] that could not be found again: one that
// cannot be hashed, or that is not equal to itself. The function was not called. The
// error does not tell the key, which can be confidential.
type KeyError struct {
	// Name is the name of the policy.
	Name string
	// Err tells the type of the key and what is wrong with it.
	Err error
}

// Error returns the name and what is wrong with the key.
func (e *KeyError) Error() string { return fmt.Sprintf("%v: %q: %v", ErrKey, e.Name, e.Err) }

// Unwrap returns Err.
func (e *KeyError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrKey].
func (e *KeyError) Is(target error) bool { return target == ErrKey }

// Outcome is [outcome.Permanent]: no further try can change a key.
func (e *KeyError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Permanent} }

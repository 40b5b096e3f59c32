package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrGaveUp is matched by every [*Error], for errors.Is.
	ErrGaveUp = errors.New("retry: gave up")
	// ErrPolicy is matched by every [*PolicyError], for errors.Is.
	ErrPolicy = errors.New("retry: invalid policy")
)

// Reason is why a call was not tried again.
type Reason uint8

const (
	// undecided: the call succeeded, or is tried again.
	undecided Reason = iota
	// Exhausted: all attempts were made.
	Exhausted
	// Permanent: no further try can change the error.
	Permanent
	// Deadline: the context's deadline has passed, or comes before the next try.
	Deadline
	// Cancelled: the caller has cancelled the context.
	Cancelled
	// Rejected: the try was rejected before it reached the service, and the policy does
	// not wait that out.
	Rejected
	// Postponed: the service asked for a longer wait than the policy accepts.
	Postponed
	// Elapsed: the next try would start after [MaxElapsed].
	Elapsed
	// OverBudget: the [Budget] allows no retry now.
	OverBudget
	// Nested: a retrier inside the call has already tried again, or its budget did not
	// allow it. Only the innermost retrier tries again, so that attempts do not multiply;
	// see [RetryNested].
	Nested
	// Abandoned: [Retrier.Abandon] was called while the context went on, as when a
	// stream is stopped.
	Abandoned
	// Invalid: the retrier cannot be used, see [Retrier.Err]. The function was not
	// called.
	Invalid

	reasons // how many there are
)

var reasonNames = [reasons]string{
	"undecided", "exhausted", "permanent", "deadline", "cancelled", "rejected", "postponed", "elapsed", "over budget", "nested", "abandoned", "invalid",
}

// String returns the name of r in lower case.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return reasonNames[r]
}

// Error is what a retrier returns in place of every error, even after a single attempt, so
// the number of attempts and the reason are always there.
type Error struct {
	// Name is the name of the policy; empty if it has none.
	Name string
	// Attempts is how many attempts were made. Rejected tries are not counted.
	Attempts int
	// Reason is why there was no further attempt.
	Reason Reason
	// Err is the last error of the function; nil if it was never called.
	Err error
	// Failure is the error of the last attempt that the service failed, if the outcome of
	// Err is ignored. Err then is the rejection by a breaker that this failure has opened,
	// or the error of an attempt that the caller cancelled. Failure is nil otherwise.
	Failure error
	// Cause is the error of the context if Reason is Deadline or Cancelled, joined
	// with its cause if it was given one. It is a [*PolicyError] if Reason is Invalid,
	// and nil otherwise.
	Cause error

	meaning outcome.Outcome // of Err
}

// Error returns the name, the reason, the number of attempts, the wait asked
// for if Reason is Postponed, and the texts of Err, Failure and Cause.
func (e *Error) Error() string {
	if e.Reason == Invalid && e.Err == nil && e.Cause != nil {
		return e.Cause.Error()
	}
	var text strings.Builder
	text.WriteString("retry")
	if e.Name != "" {
		fmt.Fprintf(&text, " %q", e.Name)
	}
	fmt.Fprintf(&text, ": %v after %d attempt", e.Reason, e.Attempts)
	if e.Attempts != 1 {
		text.WriteByte('s')
	}
	if e.Reason == Postponed && e.After() > 0 {
		fmt.Fprintf(&text, ": asked to wait %v", e.After())
	}
	if e.Err != nil {
		text.WriteString(": " + line(e.Err))
	}
	if e.Failure != nil {
		text.WriteString(": the last attempt: " + line(e.Failure))
	}
	// If the function returned the error of the context, once is enough.
	if e.Cause != nil && !errors.Is(e.Err, e.Cause) {
		text.WriteString(": " + line(e.Cause))
	}
	return text.String()
}

// line is the text of joined errors in one line.
func line(err error) string { return strings.ReplaceAll(err.Error(), "\n", ": ") }

// Unwrap returns those of Err, Failure and Cause that are there.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Err, e.Failure, e.Cause}, func(err error) bool { return err == nil })
}

// Is reports whether target is [ErrGaveUp].
func (e *Error) Is(target error) bool { return target == ErrGaveUp }

// After returns how long the service, or the policy that rejected the last try, asks to
// wait: the same as in [Error.Outcome]. It is 0 if they did not say.
func (e *Error) After() time.Duration { return e.meaning.After }

// Outcome returns the meaning of Err. A retrier adds no meaning of its own, so to a breaker
// around it a permanent error is still permanent. To a retrier around it a permanent error
// is a failure, since the mark is about the attempts of one retrier. To stop the outer
// retrier as well, put [outcome.AsPermanent] around the error. Without an Err the function
// was not called, and the outcome is ignored.
func (e *Error) Outcome() outcome.Outcome {
	switch {
	case e.Reason == Invalid:
		return outcome.Outcome{Kind: outcome.Permanent}
	case e.Err == nil:
		return outcome.Outcome{Kind: outcome.Ignored}
	case e.meaning.Kind == outcome.Success: // not made by a retrier
		return outcome.Outcome{Kind: outcome.Failure}
	}
	return e.meaning
}

// ended is the error of a context that has ended. If the deadlines of all its callers have
// passed, a context is cancelled with that as its cause. Then the cause stands alone, since
// no caller has cancelled.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	switch {
	case cause == err:
		return err
	case reasonOf(ctx) == Deadline && !errors.Is(err, context.DeadlineExceeded):
		return cause
	}
	return errors.Join(err, cause)
}

// PanicError is what [Retrier.Do] panics with if a copy of the function has panicked in
// another goroutine; see [Hedge].
type PanicError struct {
	// Value is what the function panicked with.
	Value any
	// Stack is that of the goroutine that panicked, as debug.Stack prints it.
	Stack []byte
}

// Error returns the value and the stack, since a panic usually ends the process and prints
// this text.
func (e *PanicError) Error() string {
	return fmt.Sprintf("retry: a hedged call panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the value if it is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// PolicyError lists all that is wrong with a [Policy].
type PolicyError struct {
	// Name is the name of the policy; empty if it has none.
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

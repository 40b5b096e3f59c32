package retry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrGaveUp is matched, by errors.Is, by every [*Error].
	ErrGaveUp = errors.New("retry: gave up")
	// ErrPolicy is matched, by errors.Is, by every refusal of a policy.
	ErrPolicy = errors.New("retry: invalid policy")
)

// Reason is why a call was not tried again.
type Reason uint8

const (
	// undecided: the call succeeded, or is to be tried again.
	undecided Reason = iota
	// Exhausted: all attempts were made.
	Exhausted
	// Permanent: no further try can mend the error.
	Permanent
	// Deadline: the context's deadline has passed, or comes before the next try.
	Deadline
	// Cancelled: the context was cancelled.
	Cancelled
	// Rejected: the try was refused before it reached the service, and the policy
	// does not wait for that.
	Rejected
	// Postponed: the service asked for a longer wait than the policy accepts.
	Postponed
	// Elapsed: the next try would start after [MaxElapsed].
	Elapsed
	// OverBudget: the [Budget] allows no retry now.
	OverBudget
	// Nested: a retrier inside the call has already tried again, or was not
	// allowed to by its budget. So that attempts do not multiply, only the
	// innermost one does it; see [RetryNested].
	Nested

	reasons // how many there are
)

var reasonNames = [reasons]string{
	"undecided", "exhausted", "permanent", "deadline", "cancelled", "rejected", "postponed", "elapsed", "over budget", "nested",
}

// String returns the name of r in lower case.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return reasonNames[r]
}

// Error is what a retrier returns in place of every error, also of the first
// and only one, so that the number of attempts and the reason are always there.
type Error struct {
	// Name is the name of the policy; empty if it has none.
	Name string
	// Attempts is how many attempts were made. Rejected tries are not counted.
	Attempts int
	// Reason is why there was no further one.
	Reason Reason
	// Err is the last error of the function; nil if it was never called.
	Err error
	// Cause is the context's error where Reason is Deadline or Cancelled, joined
	// with its cause if it was given one; nil otherwise.
	Cause error

	meaning outcome.Outcome // of Err
}

// Error returns the name, the reason, the number of attempts, the wait asked
// for where Reason is Postponed, and the texts of Err and Cause.
func (e *Error) Error() string {
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
	// Where the function returned the context's own error, once is enough.
	if e.Cause != nil && !errors.Is(e.Err, e.Cause) {
		text.WriteString(": " + line(e.Cause))
	}
	return text.String()
}

// line is the text of joined errors in one line.
func line(err error) string { return strings.ReplaceAll(err.Error(), "\n", ": ") }

// Unwrap returns those of Err and Cause that are there.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	return errs
}

// Is reports whether target is [ErrGaveUp].
func (e *Error) Is(target error) bool { return target == ErrGaveUp }

// After returns how long the last try was told to wait, by the service or by
// whoever rejected it: the same as in [Error.Outcome]. It is 0 where nothing was
// told.
func (e *Error) After() time.Duration { return e.meaning.After }

// Outcome returns the meaning of Err: a retrier adds none of its own, and to a
// breaker around it a permanent error is still permanent. A retrier around it
// takes permanent as a failure: the mark is about the attempts of one retrier,
// see [outcome.AsPermanent] to stop the outer one too. Without an Err, the call
// was never made and is ignored.
func (e *Error) Outcome() outcome.Outcome {
	switch {
	case e.Err == nil:
		return outcome.Outcome{Kind: outcome.Ignored}
	case e.meaning.Kind == outcome.Success: // not made by a retrier
		return outcome.Outcome{Kind: outcome.Failure}
	}
	return e.meaning
}

// ended is the error of a context that has ended.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		return errors.Join(err, cause)
	}
	return err
}

// PanicError is what [Retrier.Do] panics with where a copy of the function did,
// in another goroutine; see [Hedge].
type PanicError struct {
	// Value is what the function panicked with.
	Value any
	// Stack is that of the goroutine that panicked, as debug.Stack prints it.
	Stack []byte
}

// Error returns the value and the stack: it is meant for those who find it at the
// end of a process.
func (e *PanicError) Error() string {
	return fmt.Sprintf("retry: a hedged call panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the value where it is an error, and nil otherwise.
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

// Error returns the name and all faults in one line.
func (e *PolicyError) Error() string {
	return fmt.Sprintf("%v: %q: %s", ErrPolicy, e.Name, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
}

// Unwrap returns the joined faults.
func (e *PolicyError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrPolicy].
func (e *PolicyError) Is(target error) bool { return target == ErrPolicy }

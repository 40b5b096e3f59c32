package stages

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrDrop, returned by a stage's function, drops the item on purpose: it
	// counts as filtered, and nothing is reported.
	// To the layers of a section it is a success.
	ErrDrop error = &sentinel{"stages: item dropped on purpose", outcome.Success}

	// ErrGoexit is the failure of an item whose function ended its goroutine by
	// [runtime.Goexit], as a test's FailNow does. It costs that item alone: the stage
	// goes on in another goroutine.
	ErrGoexit = errors.New("stages: function called runtime.Goexit")

	// ErrExpired is the failure of an item that was not done by its deadline;
	// see [Deadline]. It matches [context.DeadlineExceeded], too.
	// To a breaker it says nothing about the service.
	ErrExpired error = &sentinel{"stages: item expired", outcome.Ignored}

	// ErrTimeout is the failure of a call that was not done in the time that a
	// [Timeout] gives it. It matches [context.DeadlineExceeded], too.
	// To a breaker it is a failure of the service.
	ErrTimeout error = &sentinel{"stages: call timed out", outcome.Failure}

	// ErrAborted is the failure of the items that were inside a flow when it
	// was aborted. The cause of the abort is joined to it.
	// To a breaker it says nothing about the service.
	ErrAborted error = &sentinel{"stages: flow aborted", outcome.Ignored}

	// ErrDrained is the failure of an item that had tries left when the flow was
	// stopped; see [OnDrain]. The *[retry.Error] of those it had is joined to it.
	// To a breaker it says nothing about the service.
	ErrDrained error = &sentinel{"stages: given up while the flow drains", outcome.Ignored}

	// ErrHandedBack is the failure of an item that a stopped flow gives back to its
	// source; see [OnDrain]. No [OnError] and no [DeadLetter] gets it, and at a sink
	// it is no fault of the run where the source waits for its acknowledgement,
	// which is this error.
	// To a breaker it says nothing about the service.
	ErrHandedBack error = &sentinel{"stages: handed back while the flow drains", outcome.Ignored}
)

// sentinel is an error with a meaning for the layers of a section.
type sentinel struct {
	text string
	kind outcome.Kind
}

func (s *sentinel) Error() string { return s.text }

// Is makes the errors of time match that of a context whose time was up.
func (s *sentinel) Is(target error) bool {
	return target == context.DeadlineExceeded && (error(s) == ErrExpired || error(s) == ErrTimeout)
}

// Outcome tells breakers and retries what the error means.
func (s *sentinel) Outcome() outcome.Outcome { return outcome.Outcome{Kind: s.kind} }

// ItemError is the failure of an item: where it happened, why, and the item as
// it was. It is what a result carries, what an error policy is asked about and
// what a dead letter holds.
type ItemError struct {
	// Stage names the stage that failed.
	Stage string
	// Err is the cause.
	Err error
	// Attempts is how often the stage tried, 0 where it did not get to it.
	Attempts int
	// Value is the item's value as the failing stage received it.
	Value any
	// Origin is the value as it was at the last [Remember] that the item passed,
	// nil where it passed none. Of an item that was made of several it is the
	// [Origins] of them.
	Origin any
	// Entered is when the item entered the flow; zero in an untimed run.
	Entered time.Time

	replays int // how often the item had been replayed
}

// Error names the stage and the cause. It never shows the value.
func (e *ItemError) Error() string { return fmt.Sprintf("stage %q: %v", e.Stage, e.Err) }

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// PanicError is a panic of user code, caught and made an error of the item that
// caused it, or of the stage where there was no item.
type PanicError struct {
	// Stage names the stage whose code panicked.
	Stage string
	// Value is what was given to panic.
	Value any
	// Stack is the stack of the panicking goroutine.
	Stack []byte
}

// Error names the stage and the panic's value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic in stage %q: %v", e.Stage, e.Value) }

// Unwrap returns the panic's value where it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// caught turns what a deferred function finds into an error: a panic's value,
// or nothing at all, which means that the goroutine is exiting.
func caught(stage string, value any) error {
	if value == nil {
		return ErrGoexit
	}
	return &PanicError{Stage: stage, Value: value, Stack: debug.Stack()}
}

package stages

import (
	"fmt"
	"time"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrDrop, returned by a stage's function, drops the item on purpose: it counts as
	// filtered, and nothing is reported. To the layers of a section it is a success.
	ErrDrop = fault.ErrDrop

	// ErrGoexit is the failure of an item whose function called [runtime.Goexit], as the
	// FailNow of a test does. The run is aborted with it.
	ErrGoexit = fault.ErrGoexit

	// ErrExpired is the failure of an item that was not done by its deadline, or whose
	// caller has gone. It also matches [context.DeadlineExceeded]. To a breaker it says
	// nothing about the service, unless the deadline passed during a call: then the
	// service has failed.
	ErrExpired = fault.ErrExpired

	// ErrTimeout is the failure of a call that was not done in the time that a Timeout
	// layer gives it. It also matches [context.DeadlineExceeded]. To a breaker it is a
	// failure of the service.
	ErrTimeout error = &fault.Sentinel{Text: "stages: call timed out", Kind: outcome.Failure, Late: true}

	// ErrAborted is the failure of the items that were inside a flow when it was aborted.
	// The cause of the abort is joined to it. No error policy and no dead-letter stage
	// gets such an item: it goes back to its source. To a breaker it says nothing about
	// the service.
	ErrAborted = fault.ErrAborted

	// ErrDrained is the failure of an item that had tries left when the flow was stopped;
	// see [OnDrain]. The *[retry.Error] of its tries is joined to it. To a breaker it says
	// nothing about the service.
	ErrDrained error = &fault.Sentinel{Text: "stages: given up while the flow drains", Kind: outcome.Ignored}

	// ErrHandedBack is the failure of an item that goes back to its source; see [HandBack],
	// which can ask for a delay. No error policy and no dead-letter stage gets such an
	// item. At a sink it does not fail the run if the source waits for an acknowledgement;
	// the source gets this error. To a breaker it says nothing about the service.
	ErrHandedBack = fault.ErrHandedBack

	// ErrAbandoned is the failure of an item whose function had not returned when the run
	// went on without it. It is joined to ErrAborted.
	ErrAbandoned = fault.ErrAbandoned

	// ErrOverflow is the error that a source gets for an item that a full buffer has
	// dropped.
	ErrOverflow = fault.ErrOverflow
)

// ItemError is the failure of an item: where it happened, why, and the item as it was.
// Results, error policies and dead letters get it.
type ItemError struct {
	// Stage names the stage that failed.
	Stage string
	// Err is the cause.
	Err error
	// Attempts is how often the stage tried, 0 if it did not begin.
	Attempts int
	// Value is the item's value as the failing stage received it.
	Value any
	// Origin is the value as it was at the last Remember stage that the item passed, nil
	// if it passed none. An item that was made of several has their [Origins].
	Origin any
	// Entered is when the item entered the flow. It is zero in an untimed run.
	Entered time.Time
	// Replays is how often the item had been replayed from a store of dead letters.
	Replays int
	// Deliveries is how often its source had delivered the item; see [Receipt.Deliveries].
	Deliveries int
}

// Error names the stage and the cause. It never shows the value.
func (e *ItemError) Error() string { return fmt.Sprintf("stage %q: %v", e.Stage, e.Err) }

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// PanicError is a panic of user code. It is the error of the item that caused it, or of
// the stage if there was no item.
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

// Unwrap returns the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Origins is the [ItemError.Origin] of an item that was made of several, such as a batch:
// the origin of each, in order. The origin of an item that was not remembered is nil.
type Origins []any

// The kernel makes errors of these types without knowing them.
func init() {
	fault.ItemError = func(f *fault.Fault) error { return (*ItemError)(f) }
	fault.PanicError = func(stage string, value any, stack []byte) error {
		return &PanicError{Stage: stage, Value: value, Stack: stack}
	}
	lineage.OriginsOf = func(values []any) any { return Origins(values) }
}

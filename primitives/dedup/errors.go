package dedup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrPolicy is what every [*PolicyError] is, for errors.Is.
	ErrPolicy = errors.New("dedup: invalid policy")
	// ErrPanic is what every [*PanicError] is, for errors.Is.
	ErrPanic = errors.New("dedup: the shared run panicked")
	// ErrGoexit tells those who waited that the shared run ended its goroutine
	// with runtime.Goexit, as t.FailNow does, and so has no result.
	ErrGoexit = errors.New("dedup: the shared run called runtime.Goexit")
	// ErrReentrant tells a function that runs for a key that it has asked for
	// that same key again, and would wait for itself.
	ErrReentrant = errors.New("dedup: re-entrant call for a key from inside its own run")
	// ErrKey says that a key cannot be hashed: an interface in it holds a value
	// that is not comparable, such as a slice.
	ErrKey = errors.New("dedup: the key is not comparable")
	// ErrFailed is what followers are told where [Dedup.Fail] was given nil.
	ErrFailed = errors.New("dedup: the shared run failed without saying why")
)

// Error is a failure of the deduplicator's own: one of [ErrGoexit],
// [ErrReentrant], [ErrKey] and [ErrFailed], with the name of the deduplicator.
// It does not name the key, which may be nobody else's business.
type Error struct {
	Name string // of the deduplicator; "" where it has none
	Err  error
}

// Error names the deduplicator and says what happened.
func (e *Error) Error() string {
	return label(e.Name) + strings.TrimPrefix(e.Err.Error(), "dedup")
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Err }

// Outcome is permanent for a key that cannot be hashed, ignored for a re-entrant
// call, which reached no service, and a failure otherwise.
func (e *Error) Outcome() outcome.Outcome {
	switch e.Err {
	case ErrKey:
		return outcome.Outcome{Kind: outcome.Permanent}
	case ErrReentrant:
		return outcome.Outcome{Kind: outcome.Ignored}
	}
	return outcome.Outcome{Kind: outcome.Failure}
}

// PanicError tells those who waited for a run that it panicked. The caller that
// ran the function sees the panic itself.
type PanicError struct {
	Name  string // of the deduplicator; "" where it has none
	Value any    // what the function panicked with
	Stack []byte // of the goroutine that panicked, as debug.Stack prints it
}

// Error names the deduplicator and prints the value, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s: the shared run panicked: %v", label(e.Name), e.Value)
}

// Unwrap returns [ErrPanic], and the value where it is an error.
func (e *PanicError) Unwrap() []error {
	if err, ok := e.Value.(error); ok {
		return []error{ErrPanic, err}
	}
	return []error{ErrPanic}
}

// KeptError is an error of an earlier run, served again by an [ErrorTTL]: the service
// was not called. Those who lead or follow a run get its error as it is.
type KeptError struct {
	Name  string // of the deduplicator; "" where it has none
	Err   error  // what the run has ended with
	until time.Time
}

// Error names the deduplicator and gives the text of the error that is kept.
func (e *KeptError) Error() string {
	return fmt.Sprintf("%s: kept from an earlier run: %v", label(e.Name), e.Err)
}

// Unwrap returns the error that is kept.
func (e *KeptError) Unwrap() error { return e.Err }

// After returns the time until the error is kept no longer, and the next caller has
// the function run. It is at least 0.
func (e *KeptError) After() time.Duration { return max(time.Until(e.until), 0) }

// Outcome is ignored: the call never reached the service, so it says nothing new about
// it to a breaker and is no failed attempt to a retry. It carries After.
func (e *KeptError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After()}
}

// PolicyError says what is wrong with a [Policy].
type PolicyError struct {
	Name string // of the policy; "" where it has none
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	return label(e.Name) + ": invalid policy: " + strings.ReplaceAll(e.Err.Error(), "\n", "; ")
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// label begins the text of every error.
func label(name string) string {
	if name == "" {
		return "dedup"
	}
	return fmt.Sprintf("dedup %q", name)
}

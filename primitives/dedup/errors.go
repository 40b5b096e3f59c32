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
	// ErrGoexit tells followers that the shared run ended its goroutine with
	// runtime.Goexit, as t.FailNow does, and so has no result.
	ErrGoexit = errors.New("dedup: the shared run called runtime.Goexit")
	// ErrReentrant tells a function that runs for a key that it has asked for the same
	// key again, and would wait for itself.
	ErrReentrant = errors.New("dedup: re-entrant call for a key from inside its own run")
	// ErrKey says that nothing can be found by a key. Either the key cannot be hashed,
	// because an interface in it holds a value such as a slice. Or the key is not equal
	// to itself, because it holds a NaN.
	ErrKey = errors.New("dedup: the key is not comparable")
	// ErrFailed is the error that followers get if [Dedup.Fail] was given nil.
	ErrFailed = errors.New("dedup: the shared run failed without saying why")
)

// Error is a failure of the deduplicator itself, with its name. Err is [ErrGoexit],
// [ErrReentrant], [ErrKey] or [ErrFailed], or an error that wraps one of them. Its text
// does not tell the key, which can be confidential.
type Error struct {
	Name string // of the deduplicator, or ""
	Err  error
}

// Error names the deduplicator and says what happened.
func (e *Error) Error() string {
	return label(e.Name) + strings.TrimPrefix(e.Err.Error(), "dedup")
}

// Unwrap returns the sentinel, or an error that wraps it.
func (e *Error) Unwrap() error { return e.Err }

// Outcome is permanent for a key that cannot be hashed, ignored for a re-entrant
// call, which reached no service, and a failure otherwise.
func (e *Error) Outcome() outcome.Outcome {
	switch {
	case errors.Is(e.Err, ErrKey):
		return outcome.Outcome{Kind: outcome.Permanent}
	case errors.Is(e.Err, ErrReentrant):
		return outcome.Outcome{Kind: outcome.Ignored}
	}
	return outcome.Outcome{Kind: outcome.Failure}
}

// PanicError tells the followers of a run that it panicked. The caller that ran the
// function sees the panic itself.
type PanicError struct {
	Name  string // of the deduplicator, or ""
	Value any    // that the function panicked with
	Stack []byte // of the goroutine that panicked, as debug.Stack prints it
}

// Error names the deduplicator and prints the value, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s: the shared run panicked: %v", label(e.Name), e.Value)
}

// Unwrap returns [ErrPanic], and the value if it is an error.
func (e *PanicError) Unwrap() []error {
	if err, ok := e.Value.(error); ok {
		return []error{ErrPanic, err}
	}
	return []error{ErrPanic}
}

// KeptError is an error of an earlier run that is served again because of an [ErrorTTL]:
// the service was not called. The callers of the run itself get its error as it is.
type KeptError struct {
	Name  string // of the deduplicator, or ""
	Err   error  // of the run
	until time.Time
}

// Error names the deduplicator and tells the error that is kept.
func (e *KeptError) Error() string {
	return fmt.Sprintf("%s: kept from an earlier run: %v", label(e.Name), e.Err)
}

// Unwrap returns the error that is kept.
func (e *KeptError) Unwrap() error { return e.Err }

// After returns for how long the error is still kept, at least 0. Then the next caller
// runs its function.
func (e *KeptError) After() time.Duration { return max(time.Until(e.until), 0) }

// Outcome is ignored, with After: the call did not reach the service. A breaker ignores
// it, and a retry does not count it as a failed attempt.
func (e *KeptError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After()}
}

// PolicyError says what is wrong with a [Policy].
type PolicyError struct {
	Name string // of the policy, or ""
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	return label(e.Name) + ": invalid policy: " + strings.ReplaceAll(e.Err.Error(), "\n", "; ")
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// Outcome is permanent: no further try can change a policy.
func (e *PolicyError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Permanent} }

// label begins the text of every error.
func label(name string) string {
	if name == "" {
		return "dedup"
	}
	return fmt.Sprintf("dedup %q", name)
}

package limiter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrLimit matches every [*LimitError], by errors.Is.
	ErrLimit = errors.New("limiter: too early")
	// ErrCost matches every [*CostError], by errors.Is.
	ErrCost = errors.New("limiter: invalid cost")
	// ErrCall matches every [*CallError], by errors.Is.
	ErrCall = errors.New("limiter: invalid call")
	// ErrKey matches every [*KeyError], by errors.Is.
	ErrKey = errors.New("limiter: invalid key")
	// ErrPolicy matches every [*PolicyError], by errors.Is.
	ErrPolicy = errors.New("limiter: invalid policy")
)

// LimitError says that a call came before its time.
type LimitError struct {
	Name string // of the limiter; "" if it has none
	// After is the time from the call until it would be admitted, if no other call
	// comes first and the rate stays the same. It is above 0.
	After time.Duration
}

// Error names the limiter and tells when to come again.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: too early, try again in %v", label(e.Name), e.After)
}

// Unwrap returns [ErrLimit].
func (e *LimitError) Unwrap() error { return ErrLimit }

// Outcome is ignored, and carries After. The call never reached the service, so a
// breaker ignores it, and a retry does not count it as a failed attempt.
func (e *LimitError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After}
}

// WaitError says that the context of a call ended before the call's turn, or would have
// ended: then the call did not wait at all.
type WaitError struct {
	Name string // of the limiter; "" if it has none
	// After is how long the call would have had to wait, if that was too long. It is
	// 0 if the context ended.
	After time.Duration
	// Err is the error of the context, or context.DeadlineExceeded.
	Err error
}

// Error names the limiter and what ended the wait.
func (e *WaitError) Error() string {
	if e.After > 0 {
		return fmt.Sprintf("%s: a wait of %v would be too long: %v", label(e.Name), e.After, e.Err)
	}
	return fmt.Sprintf("%s: wait: %v", label(e.Name), e.Err)
}

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Err }

// Outcome is ignored, even for a deadline: it passed in the line, before the call
// reached the service.
func (e *WaitError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// CostError says that a call can never be admitted: its cost is below 0 or above the
// burst.
type CostError struct {
	Name  string // of the limiter; "" if it has none
	Cost  int
	Burst int
}

// Error names the limiter and what is wrong with the cost.
func (e *CostError) Error() string {
	if e.Cost < 0 {
		return fmt.Sprintf("%s: cost %d is below 0", label(e.Name), e.Cost)
	}
	return fmt.Sprintf("%s: cost %d is above the burst %d", label(e.Name), e.Cost, e.Burst)
}

// Unwrap returns [ErrCost].
func (e *CostError) Unwrap() error { return ErrCost }

// Outcome is ignored: the call never reached the service.
func (e *CostError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// CallError says what is wrong with a call other than its cost: it gives
// [Limiter.Enlist] no function.
type CallError struct {
	Name string // of the limiter; "" if it has none
	Err  error  // what is wrong
}

var errNilThen = errors.New("the function to call is nil")

// Error names the limiter and what is wrong with the call.
func (e *CallError) Error() string { return fmt.Sprintf("%s: %v", label(e.Name), e.Err) }

// Unwrap returns [ErrCall] and what is wrong.
func (e *CallError) Unwrap() []error { return []error{ErrCall, e.Err} }

// Outcome is ignored: the call never reached the service.
func (e *CallError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// PolicyError says what is wrong with a [Policy] or a limiter.
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
		return "limiter"
	}
	return fmt.Sprintf("limiter %q", name)
}

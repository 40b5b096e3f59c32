package limiter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrLimit is what every [*LimitError] is, for errors.Is.
	ErrLimit = errors.New("limiter: too early")
	// ErrCost is what every [*CostError] is, for errors.Is.
	ErrCost = errors.New("limiter: invalid cost")
	// ErrPolicy is what every [*PolicyError] is, for errors.Is.
	ErrPolicy = errors.New("limiter: invalid policy")
)

// LimitError says that a call came before its time.
type LimitError struct {
	Name string // of the limiter; "" where it has none
	// After is how long it takes, from the call on, until it would be admitted, if
	// nobody comes before and the rate remains. It is more than 0.
	After time.Duration
}

// Error names the limiter and tells when to come again.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: too early, try again in %v", label(e.Name), e.After)
}

// Unwrap returns [ErrLimit].
func (e *LimitError) Unwrap() error { return ErrLimit }

// Outcome is ignored: the call never reached the service, so it says nothing
// about it to a breaker and is no failed attempt to a retry. It carries After.
func (e *LimitError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.After}
}

// WaitError says that the context of a call was over before it was the call's
// turn, or would have been: then the call did not wait at all.
type WaitError struct {
	Name string // of the limiter; "" where it has none
	// After is how long the call would have had to wait, where that was too long;
	// 0 where the context ended.
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

// Outcome is ignored, also for a deadline: it passed in the line, before the call
// reached the service.
func (e *WaitError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// CostError says that a call can never be admitted: its cost is below 0, or above
// the burst.
type CostError struct {
	Name  string // of the limiter; "" where it has none
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

// PolicyError says what is wrong with a [Policy].
type PolicyError struct {
	Name string // of the policy; "" where it has none
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	return label(e.Name) + ": invalid policy: " + strings.ReplaceAll(fmt.Sprint(e.Err), "\n", "; ")
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// label begins the text of every error.
func label(name string) string {
	if name == "" {
		return "limiter"
	}
	return fmt.Sprintf("limiter %q", name)
}

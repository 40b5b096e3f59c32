package guard

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrShed is what every [*ShedError] is, for errors.Is.
	ErrShed = errors.New("guard: shed")
	// ErrPolicy is what every [*PolicyError] is, for errors.Is.
	ErrPolicy = errors.New("guard: invalid policy")
)

// ShedError says that a call was turned away because the guard was full. A
// guard returns the same one every time, so that shedding, which happens when
// there is no time to lose, costs no allocation: read it, do not change it.
type ShedError struct {
	Name     string // of the guard; "" where it has none
	Depth    int    // permits in use when the call was shed
	Capacity int
}

// Error names the guard and gives depth and capacity.
func (e *ShedError) Error() string {
	return fmt.Sprintf("%s: shed, %d of %d in flight", label(e.Name), e.Depth, e.Capacity)
}

// Unwrap returns [ErrShed].
func (e *ShedError) Unwrap() error { return ErrShed }

// Outcome is ignored: the call never reached the service, so it says nothing
// about it to a breaker and is no failed attempt to a retry.
func (e *ShedError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

// WaitError says that the context of a call was over before the call got a
// permit. errors.Is finds [context.Canceled] or [context.DeadlineExceeded] in it.
type WaitError struct {
	Name string // of the guard; "" where it has none
	Err  error  // the Err of the context
}

// Error names the guard and what ended the wait.
func (e *WaitError) Error() string {
	return fmt.Sprintf("%s: wait for a permit: %v", label(e.Name), e.Err)
}

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Err }

// Outcome is ignored, also for a deadline: it passed in the queue, before the
// call reached the service.
func (e *WaitError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Ignored} }

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
		return "guard"
	}
	return fmt.Sprintf("guard %q", name)
}

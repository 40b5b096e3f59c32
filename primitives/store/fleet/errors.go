package fleet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrPolicy is what every [*PolicyError] is, for errors.Is.
	ErrPolicy = errors.New("fleet: invalid policy")
	// ErrRunning says that [Breaker.Run] or [Limiter.Run] is running already.
	ErrRunning = errors.New("fleet: already running")
	// ErrStore says that a [Strict] dedup could not ask the store whether another node is
	// doing the work, and so did not do it.
	ErrStore = errors.New("fleet: store is down")
	// ErrBusy says that another node was doing the work of a [Strict] dedup for longer
	// than [Wait] allows.
	ErrBusy = errors.New("fleet: waited too long for another node")
	// ErrClaim ends the context of a run of a [Strict] dedup whose claim was lost: another
	// node may have begun.
	ErrClaim = errors.New("fleet: claim is lost")

	errVersion = errors.New("fleet: value of another version")
	errCorrupt = errors.New("fleet: value is corrupt")
	errDecode  = errors.New("fleet: cannot decode the result of another node")
)

// Error is a failure of the fleet's own: one of [ErrRunning], [ErrStore], [ErrBusy] and
// [ErrClaim], with the name of the policy. It does not tell the key, which can be
// confidential.
type Error struct {
	Name string
	Err  error // the sentinel, joined with the error of the store
}

// Error names the policy and says what happened, on one line.
func (e *Error) Error() string { return label(e.Name, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Outcome is a failure if a claim was lost. Otherwise nothing was tried, and it is
// [outcome.Ignored].
func (e *Error) Outcome() outcome.Outcome {
	if errors.Is(e.Err, ErrClaim) {
		return outcome.Outcome{Kind: outcome.Failure}
	}
	return outcome.Outcome{Kind: outcome.Ignored}
}

// PolicyError lists all that is wrong with the arguments of [NewBreaker], [NewDedup] or [NewLimiter].
type PolicyError struct {
	Name string // of the policy, or ""
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	return label(e.Name, fmt.Errorf("invalid policy: %w", e.Err))
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// Outcome is permanent: no further try can change a policy.
func (e *PolicyError) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Permanent} }

// What the zero values fail with.
var (
	errNoBreaker = &PolicyError{Err: errors.New("the breaker was not made by NewBreaker")}
	errNoDedup   = &PolicyError{Err: errors.New("the dedup was not made by NewDedup")}
	errNoLimiter = &PolicyError{Err: errors.New("the limiter was not made by NewLimiter")}
)

// label makes the text of every error.
func label(name string, err error) string {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", "; "), "fleet: ")
	if name == "" {
		return "fleet: " + text
	}
	return fmt.Sprintf("fleet %q: %s", name, text)
}

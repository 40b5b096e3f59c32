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
	// ErrRunning says that [Breaker.Run] is running already.
	ErrRunning = errors.New("fleet: already running")
	// ErrStore says that a [Strict] dedup could not ask the store whether somebody
	// else is doing the work, and so did not do it.
	ErrStore = errors.New("fleet: store is down")
	// ErrBusy says that somebody else was doing the work for longer than [Wait]
	// allows, and the dedup is [Strict].
	ErrBusy = errors.New("fleet: waited too long for another node")
	// ErrClaim is the cause of the end of the context of a run whose claim was
	// lost, where the dedup is [Strict]: another node may have begun.
	ErrClaim = errors.New("fleet: claim is lost")

	errVersion = errors.New("fleet: value of another version")
	errCorrupt = errors.New("fleet: value is corrupt")
	errDecode  = errors.New("fleet: cannot decode the result of another node")
)

// Error is a failure of the fleet's own: one of [ErrRunning], [ErrStore],
// [ErrBusy] and [ErrClaim], with the name of the policy. It does not name a key,
// which may be nobody else's business.
type Error struct {
	Name string
	Err  error // the sentinel, joined with what the store said
}

// Error names the policy and says what happened, on one line.
func (e *Error) Error() string { return label(e.Name, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Outcome says that nothing was tried, [outcome.Ignored], unless a claim was lost
// on the way, which is a failure.
func (e *Error) Outcome() outcome.Outcome {
	if errors.Is(e.Err, ErrClaim) {
		return outcome.Outcome{Kind: outcome.Failure}
	}
	return outcome.Outcome{Kind: outcome.Ignored}
}

// PolicyError lists all that is wrong with what [NewBreaker] or [NewDedup] was
// given.
type PolicyError struct {
	Name string // of the policy; "" where it has none
	Err  error  // all faults, joined
}

// Error names the policy and lists every fault, on one line.
func (e *PolicyError) Error() string {
	return label(e.Name, fmt.Errorf("invalid policy: %w", e.Err))
}

// Unwrap returns [ErrPolicy] and the faults.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

func label(name string, err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	return fmt.Sprintf("fleet %q: %s", name, strings.TrimPrefix(text, "fleet: "))
}

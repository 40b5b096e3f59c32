package store

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

var (
	// ErrConflict says that the entry has another revision than the one given to
	// [Store.CompareAndSet], and that nothing was written.
	ErrConflict = errors.New("store: conflict")
	// ErrKey says that a key or folder is not one. See [Key].
	ErrKey = errors.New("store: invalid key")
	// ErrTTL says that a ttl or the term of a lease is not positive.
	ErrTTL = errors.New("store: ttl is not positive")
	// ErrHeld is matched, by errors.Is, by every [HeldError].
	ErrHeld = errors.New("store: lease is held")
	// ErrLost says that a [Lease] is no longer held: its term is over, or
	// somebody else has taken it since.
	ErrLost = errors.New("store: lease is lost")
)

// Error is the failure of one call. Its Err is one of the sentinels of this
// package, or what the store's client or the context said.
type Error struct {
	Op  string // "load", "list", "compare and set", "watch", "acquire", ...
	Key string // or the folder
	Err error
}

// Error names the call and the key, and says what went wrong.
func (e *Error) Error() string {
	return fmt.Sprintf("store: %s %q: %s", e.Op, e.Key, strings.TrimPrefix(e.Err.Error(), "store: "))
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// HeldError is the refusal of a lease that somebody else has.
type HeldError struct {
	Key string
	// Owner is who has it, "" where that is not known.
	Owner string
	// Left is how much of its term is left, at least 1 ns; it may be renewed.
	Left time.Duration
}

// Error names the lease, its owner and the time left.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%v: %q by %q for another %v", ErrHeld, e.Key, e.Owner, e.Left.Round(time.Millisecond))
}

// Is reports whether target is [ErrHeld].
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Outcome says that nothing was tried, and when to come back:
// [outcome.Ignored] with Left.
func (e *HeldError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.Left}
}

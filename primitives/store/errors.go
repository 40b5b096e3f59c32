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
	// [Store.CompareAndSet]. Nothing was written.
	ErrConflict = errors.New("store: conflict")
	// ErrKey says that a key or a folder is invalid. See [Key].
	ErrKey = errors.New("store: invalid key")
	// ErrTTL says that a ttl or the term of a lease is not positive.
	ErrTTL = errors.New("store: ttl is not positive")
	// ErrHeld is what every [HeldError] is, for errors.Is.
	ErrHeld = errors.New("store: lease is held")
	// ErrLost says that a [Lease] is no longer held: its term is over, or another owner
	// has taken it.
	ErrLost = errors.New("store: lease is lost")

	errUnmade = errors.New("store: the memory was not made by NewMemory")
)

// Error is the failure of one call. Err is one of the sentinels of this package, or the
// error of the store's client or of the context.
type Error struct {
	Op  string // "load", "list", "compare and set", "watch", "acquire", ...
	Key string // or the folder
	Err error
}

// Error names the call and the key, and tells the error.
func (e *Error) Error() string {
	return fmt.Sprintf("store: %s %q: %s", e.Op, e.Key, strings.TrimPrefix(e.Err.Error(), "store: "))
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// HeldError is the refusal of a lease that another owner has.
type HeldError struct {
	Key string
	// Owner is the name of that owner, "" if it is not known.
	Owner string
	// Left is how much of the term is left, at least 1 ns. The lease may be renewed.
	Left time.Duration
}

// Error names the lease, its owner and the time left.
func (e *HeldError) Error() string {
	by := ""
	if e.Owner != "" {
		by = fmt.Sprintf(" by %q", e.Owner)
	}
	return fmt.Sprintf("%v: %q%s for another %v", ErrHeld, e.Key, by, e.Left.Round(time.Millisecond))
}

// Is reports whether target is [ErrHeld].
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Outcome is [outcome.Ignored] with Left: nothing was tried, and the lease may be free
// then.
func (e *HeldError) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Ignored, After: e.Left}
}

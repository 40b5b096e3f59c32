package fault

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// The errors of package stages, which documents them.
var (
	ErrDrop       error = &Sentinel{Text: "stages: item dropped on purpose", Kind: outcome.Success}
	ErrGoexit           = errors.New("stages: function called runtime.Goexit")
	ErrExpired    error = &Sentinel{Text: "stages: item expired", Kind: outcome.Ignored, Late: true}
	ErrAborted    error = &Sentinel{Text: "stages: flow aborted", Kind: outcome.Ignored}
	ErrHandedBack error = &Sentinel{Text: "stages: handed back", Kind: outcome.Ignored}
	ErrAbandoned        = errors.New("stages: function has not returned")
	ErrOverflow   error = &Sentinel{Text: "stages: buffer overflow", Kind: outcome.Ignored}
)

// Sentinel is an error with a meaning for breakers and retries.
type Sentinel struct {
	Text string
	Kind outcome.Kind
	Late bool // it matches context.DeadlineExceeded
}

func (s *Sentinel) Error() string { return s.Text }

// Is lets a late error match the deadline error of a context.
func (s *Sentinel) Is(target error) bool { return s.Late && target == context.DeadlineExceeded }

// Outcome tells breakers and retries what the error means.
func (s *Sentinel) Outcome() outcome.Outcome { return outcome.Outcome{Kind: s.Kind} }

// Fault is the failure of an item. Package stages converts it to stages.ItemError, which has the
// same fields.
type Fault struct {
	Stage    string
	Err      error
	Attempts int
	Value    any
	Origin   any
	Entered  time.Time
	Replays  int
	// Deliveries is the number of times that the source has delivered the item.
	Deliveries int
}

// ItemError makes the exported error of a fault, and PanicError that of a panic. Package stages
// sets both.
var (
	ItemError  = func(f *Fault) error { return fmt.Errorf("stage %q: %w", f.Stage, f.Err) }
	PanicError = func(stage string, value any, stack []byte) error {
		return fmt.Errorf("panic in stage %q: %v", stage, value)
	}
)

// Caught returns an error for the value that a deferred function recovered. A nil value means that
// the function called runtime.Goexit.
func Caught(stage string, value any) error {
	if value == nil {
		return ErrGoexit
	}
	return PanicError(stage, value, debug.Stack())
}

// IsDrop reports that the item was dropped on purpose.
func IsDrop(err error) bool { return err == ErrDrop || errors.Is(err, ErrDrop) } //nolint:errorlint // most often it is

// Returns reports that the item goes back to its source, whatever the policies of the stages are.
func (f *Fault) Returns() bool {
	return errors.Is(f.Err, ErrHandedBack) || errors.Is(f.Err, ErrAborted)
}

// IsExpired reports that an item with this failure had no time left.
func IsExpired(err error) bool { return errors.Is(err, ErrExpired) }

// IsReturn reports that an item with this failure goes back to its source.
func IsReturn(err error) bool { return errors.Is(err, ErrHandedBack) }

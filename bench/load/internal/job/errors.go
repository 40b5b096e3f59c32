package job

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// StatusError is an answer of the service that is none.
type StatusError struct {
	Code int
	// After is how long the service wants to be left alone; 0 where it did not say.
	After time.Duration
}

// Error returns one line.
func (e *StatusError) Error() string { return fmt.Sprintf("the service answered %d", e.Code) }

// Outcome is how weir learns of After; the others look with [After].
func (e *StatusError) Outcome() outcome.Outcome {
	if e.After > 0 {
		return outcome.Outcome{Kind: outcome.Throttled, After: e.After}
	}
	return outcome.Outcome{Kind: outcome.Failure}
}

// After returns how long the service wants to be left alone, 0 where err does
// not tell.
func After(err error) time.Duration {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.After
	}
	return 0
}

package stack

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weir-go/weir/primitives/outcome"
)

// ErrInvalid is matched by every [*Error], for errors.Is.
var ErrInvalid = errors.New("stack: invalid")

// Error lists all that is wrong with a [Stack].
type Error struct {
	// Err joins one error for each fault, a [*LayerError] for each layer.
	Err error
}

// Error returns all faults in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%v: %s", ErrInvalid, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
}

// Unwrap returns the joined faults.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is [ErrInvalid].
func (e *Error) Is(target error) bool { return target == ErrInvalid }

// Outcome is [outcome.Permanent]: no further try can change a stack.
func (e *Error) Outcome() outcome.Outcome { return outcome.Outcome{Kind: outcome.Permanent} }

// LayerError is what is wrong with one layer.
type LayerError struct {
	// Layer is the name of the layer, such as "guard", or what [Stack.Layer] was given.
	Layer string
	// Place is its place among the layers; 1 is the outermost.
	Place int
	// Err is what is wrong, such as the error of an invalid policy.
	Err error
}

// Error returns the place, the name and what is wrong.
func (e *LayerError) Error() string { return fmt.Sprintf("layer %d, %s: %v", e.Place, e.Layer, e.Err) }

// Unwrap returns Err.
func (e *LayerError) Unwrap() error { return e.Err }

package flow

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrGraph is matched by every [GraphError].
	ErrGraph = errors.New("flow: invalid graph")

	// ErrDrainTimeout is matched by every [DrainError].
	ErrDrainTimeout = errors.New("flow: drain timed out")

	// ErrSignal is the reason of an abort by a second signal, see [StopOnSignal].
	ErrSignal = errors.New("flow: aborted by signal")

	// errAbandoned is the cause of the abort after the loop over the results has ended.
	errAbandoned = errors.New("flow: results abandoned")
)

// hookError is an error with the panic of a hook.
type hookError struct{ value any }

func (e *hookError) Error() string { return fmt.Sprintf("flow: hook panicked: %v", e.value) }

// GraphError lists all that is wrong with a graph, found before anything of it
// was started.
type GraphError struct{ Faults []error }

// Error lists the faults, a line each.
func (e *GraphError) Error() string {
	var b strings.Builder
	b.WriteString(ErrGraph.Error())
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "\n  %s", strings.ReplaceAll(f.Error(), "\n", "\n    "))
	}
	return b.String()
}

// Is reports whether target is ErrGraph.
func (e *GraphError) Is(target error) bool { return target == ErrGraph }

// Unwrap returns the faults.
func (e *GraphError) Unwrap() []error { return e.Faults }

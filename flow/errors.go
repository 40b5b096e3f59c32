package flow

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrGraph is matched by every [GraphError].
	ErrGraph = errors.New("flow: invalid graph")

	// ErrDrainTimeout is why a run was aborted that did not drain in time.
	ErrDrainTimeout = errors.New("flow: drain timed out")

	// errAbandoned is why a run is aborted whose results nobody wants any more.
	errAbandoned = errors.New("flow: results abandoned")
)

// GraphError lists all that is wrong with a graph, found before anything of it
// was started.
type GraphError struct{ Faults []error }

// Error lists the faults, a line each.
func (e *GraphError) Error() string {
	var b strings.Builder
	b.WriteString(ErrGraph.Error())
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "\n  %s", strings.ReplaceAll(f.Error(), "\n", "; "))
	}
	return b.String()
}

// Is reports whether target is ErrGraph.
func (e *GraphError) Is(target error) bool { return target == ErrGraph }

// Unwrap returns the faults.
func (e *GraphError) Unwrap() []error { return e.Faults }

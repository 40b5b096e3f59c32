package flow

import (
	"fmt"

	"github.com/weir-go/weir/internal/kernel"
)

// SetWorkers changes from how many goroutines the named stage calls its function. New workers
// begin at once. If a Map or a Filter had one worker, they begin when the call under way has
// ended. Surplus workers end when they are done with their item. No item is lost, and the order
// stays the same. SetWorkers returns at once. It returns an error if the graph has no such
// stage, or if the workers of the stage cannot be set: see [stages.Staffed]. Map, Filter, Lanes
// and sections have workers that can be set; sinks, MapBatch and ForEachBatch have none.
func (r *Run) SetWorkers(stage string, n int) error {
	node, err := r.node(stage)
	if err != nil {
		return err
	}
	return node.SetWorkers(n)
}

// Pause makes the named source wait when it emits its next value, until it is resumed or the run
// is stopped. Items inside continue. Pause returns at once. It returns an error if the graph has
// no such source.
func (r *Run) Pause(source string) error {
	node, err := r.node(source)
	if err != nil {
		return err
	}
	return node.Pause()
}

// Resume lets the named source continue after [Run.Pause]. It returns at once. It returns an
// error if the graph has no stage of this name.
func (r *Run) Resume(source string) error {
	node, err := r.node(source)
	if err != nil {
		return err
	}
	node.Resume()
	return nil
}

func (r *Run) node(name string) (*kernel.Node, error) {
	for _, n := range r.kernel.Nodes() {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("flow: the graph has no stage %q", name)
}

package flow

import (
	"fmt"

	"github.com/weir-go/weir/stages"
)

// SetWorkers changes from how many goroutines the named stage calls its
// function. New ones begin at once; those too many leave when they are done
// with what they are at, and no item is lost or leaves its place. It returns at
// once, or an error where there is no such stage or it has no [Workers].
func (r *Run) SetWorkers(stage string, n int) error {
	node, err := r.node(stage)
	if err != nil {
		return err
	}
	return node.SetWorkers(n)
}

// Pause makes the named source wait with the next value that it would bring in,
// until it is resumed or the run is stopped. What is inside goes on. It returns
// at once, or an error where there is no such source.
func (r *Run) Pause(source string) error {
	node, err := r.node(source)
	if err != nil {
		return err
	}
	return node.Pause()
}

// Resume lets the named source go on after [Run.Pause]. It returns at once, or
// an error where there is no stage of this name.
func (r *Run) Resume(source string) error {
	node, err := r.node(source)
	if err != nil {
		return err
	}
	node.Resume()
	return nil
}

func (r *Run) node(name string) (*stages.Node, error) {
	for _, n := range r.rt.Nodes() {
		if n.Name() == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("flow: the graph has no stage %q", name)
}

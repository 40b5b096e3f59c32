package turn

import (
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// RunOp does op until the stream has ended, with the node's current number of workers. results
// makes columns for the results of op. It is for stages with an outlet. A sink has one worker, and
// calls Work.
func RunOp(n *kernel.Node, op kernel.Op, workers int, unordered bool, results handoff.Columns) error {
	n.Staff(workers)
	if !n.Shown() && n.Work(op) {
		return nil
	}
	return RunSection(n, SectionOf{Op: op, Workers: workers, Unordered: unordered, Capacity: handoff.BatchSize, Results: results})
}

// OnSection makes the node call f with its section when callers can use it, and with nil when the
// node has ended. It must be called before the node runs.
func OnSection(n *kernel.Node, f func(*Section)) {
	n.OnShow(func(machine any) {
		s, _ := machine.(*Section)
		f(s)
	})
}

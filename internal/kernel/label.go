package kernel

import (
	"context"
	"runtime/pprof"
)

// SetName sets the name of the run for the labels of its goroutines. Without a name they have no
// labels.
func (r *Run) SetName(name string) { r.name = name }

// Label gives the calling goroutine the labels flow and stage, which profiles show. Goroutines that
// it starts inherit them. Each node makes its labels once.
func (n *Node) Label() {
	if n.run.name == "" {
		return
	}
	labels := n.labels.Load()
	if labels == nil {
		ctx := pprof.WithLabels(context.Background(), pprof.Labels("flow", n.run.name, "stage", n.Name))
		n.labels.CompareAndSwap(nil, &ctx)
		labels = n.labels.Load()
	}
	pprof.SetGoroutineLabels(*labels)
}

package kernel

import (
	"context"
	"fmt"
)

// MaxWorkers is the largest number of workers of a stage.
const MaxWorkers = 1 << 16

// CheckWorkers returns an error if a stage cannot have so many workers.
func CheckWorkers(n int) error {
	if n > MaxWorkers {
		return fmt.Errorf("workers must be at most %d, not %d", MaxWorkers, n)
	}
	if n < 1 {
		return fmt.Errorf("workers must be at least 1, not %d", n)
	}
	return nil
}

// SetWorkers sets the number of goroutines from which the stage calls its function, also while the
// stage works. It returns at once, or an error that gives the reason.
func (n *Node) SetWorkers(workers int) error {
	if err := CheckWorkers(workers); err != nil {
		return fmt.Errorf("stage %q: %w", n.Name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.workers.Load() == 0 {
		return fmt.Errorf("stage %q: it has no workers that can be set", n.Name)
	}
	n.workers.Store(int32(workers))
	if n.staff != nil {
		n.staff(workers)
	}
	return nil
}

// Workers returns the number of goroutines from which the stage calls its function, 0 if it cannot
// be set.
func (n *Node) Workers() int { return int(n.workers.Load()) }

// Staff sets the number of workers with which the stage begins, unless it is set already.
func (n *Node) Staff(workers int) { n.workers.CompareAndSwap(0, int32(workers)) }

// OnWorkers calls f with the number of workers, now and at each change. A nil f ends that.
func (n *Node) OnWorkers(f func(int)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.staff = f; f != nil {
		f(n.Workers())
	}
}

// Pause makes the source at the node wait with its next value, until Resume or until the intake
// stops. It returns at once, with an error if the node is not a source.
func (n *Node) Pause() error {
	if !n.IsSource() {
		return fmt.Errorf("stage %q: only a source can be paused", n.Name)
	}
	gate := make(chan struct{})
	n.paused.CompareAndSwap(nil, &gate)
	return nil
}

// Resume lets a paused source continue. It returns at once.
func (n *Node) Resume() {
	if gate := n.paused.Swap(nil); gate != nil {
		close(*gate)
	}
}

// Paused reports whether the source at the node is paused.
func (n *Node) Paused() bool { return n.paused.Load() != nil }

// AwaitResumed waits while the source at the node is paused and should not return. It returns false
// if ctx ends first.
func (n *Node) AwaitResumed(ctx context.Context) bool {
	gate := n.paused.Load()
	if gate == nil || n.Stopping() {
		return true
	}
	select {
	case <-*gate:
		return true
	case <-n.run.Intake.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

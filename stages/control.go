package stages

import "fmt"

// SetWorkers changes from how many goroutines the stage at the node calls its
// function, also while it is at work: new ones begin at once, and those too
// many leave when they are done with what they are at. It is for stages that
// take [Workers]: Map and Section. It returns at once, or an error that says
// why not.
func (n *Node) SetWorkers(workers int) error {
	if err := checkWorkers(workers); err != nil {
		return fmt.Errorf("stage %q: %w", n.name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.workers.Load() == 0 {
		return fmt.Errorf("stage %q: it has no workers that can be set", n.name)
	}
	n.workers.Store(int32(workers))
	if n.staff != nil {
		n.staff(workers)
	}
	return nil
}

// Workers returns from how many goroutines the stage calls its function, 0
// where that is not for a user to set.
func (n *Node) Workers() int { return int(n.workers.Load()) }

// Begin makes the number of workers known that s begins with, before it is run.
func (n *Node) Begin(s Staffed) { n.workers.Store(int32(s.Staff())) }

// staffed makes the number of workers known, unless somebody has set another
// one by now, and has staff called with it, now and whenever it changes.
func (n *Node) staffed(workers int, staff func(int)) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.workers.CompareAndSwap(0, int32(workers))
	workers = n.Workers()
	if n.staff = staff; staff != nil {
		staff(workers)
	}
	return workers
}

// Pause makes the source at the node wait with the next value that it emits,
// until [Node.Resume] or the end of the intake. What is inside goes on. It
// returns at once, and an error where the node is not a source.
func (n *Node) Pause() error {
	if len(n.ins) > 0 {
		return fmt.Errorf("stage %q: only a source can be paused", n.name)
	}
	gate := make(chan struct{})
	n.paused.CompareAndSwap(nil, &gate)
	return nil
}

// Resume lets a source that was paused go on. It returns at once.
func (n *Node) Resume() {
	if gate := n.paused.Swap(nil); gate != nil {
		close(*gate)
	}
}

// Paused reports whether the source at the node is paused.
func (n *Node) Paused() bool { return n.paused.Load() != nil }

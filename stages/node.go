package stages

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Node is the place of one stage, source or sink in a run: its name and its
// account. Its methods may be called at any time from any goroutine.
type Node struct {
	name  string
	index int32

	in, derived, recovered                                   atomic.Int64
	out, folded, filtered, failed, shed, expired, deadLetter atomic.Int64
	attempts, wait, work, longest                            atomic.Int64

	ins, outs []*joint
	entangled bool                          // its inlets depend on each other
	unwanted  atomic.Bool                   // of a source: nobody below wants more
	workers   atomic.Int32                  // how many there shall be; 0 where that is fixed
	paused    atomic.Pointer[chan struct{}] // of a source; closed when it goes on

	calls     atomic.Int32           // groups of items that the function is at work on
	leftCalls atomic.Int32           // calls that were left behind
	left      atomic.Bool            // the stage was left behind
	ended     atomic.Bool            // the stage has returned
	inPlace   atomic.Bool            // the stage must run in the goroutine that it is given
	abandoned chan struct{}          // closed when the stage is left behind; nil where it cannot be
	sealed    atomic.Pointer[Ledger] // the account of one that was left behind

	outlived bool  // the stage has ended, in another goroutine than it began in; see outlive
	verdict  error // with this error

	mu       sync.Mutex
	function string             // what user code is called
	observed []func() any       // what the node's layers show of themselves
	intake   context.CancelFunc // of a source at work
	staff    func(workers int)  // of a stage at work whose workers can be changed
}

// Name returns the node's name, which is unique in its run.
func (n *Node) Name() string { return n.name }

// Ledger returns the node's account. Read during a run, its entries may be up
// to a batch apart from each other.
func (n *Node) Ledger() Ledger {
	if l := n.sealed.Load(); l != nil {
		return *l
	}
	return Ledger{
		In: n.in.Load(), Derived: n.derived.Load(), Recovered: n.recovered.Load(),
		Out: n.out.Load(), Folded: n.folded.Load(), Filtered: n.filtered.Load(),
		Failed: n.failed.Load(), Shed: n.shed.Load(), Expired: n.expired.Load(),
		DeadLettered: n.deadLetter.Load(),
	}
}

// Effort is the time a node took, over all items.
type Effort struct {
	// Attempts is how often the node's function was called.
	Attempts int64
	// Wait and Work are the sums of what [Timing] tells of each item.
	Wait, Work time.Duration
	// Longest is the longest work on a single item.
	Longest time.Duration
}

// Effort returns the time the node has taken so far. It is zero in an untimed
// run.
func (n *Node) Effort() Effort {
	return Effort{
		Attempts: n.attempts.Load(),
		Wait:     time.Duration(n.wait.Load()),
		Work:     time.Duration(n.work.Load()),
		Longest:  time.Duration(n.longest.Load()),
	}
}

// observe adds a layer's view of itself to the node.
func (n *Node) observe(f func() any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.observed = append(n.observed, f)
}

// Layers returns what the layers of a section show of themselves, outermost
// first, and what a hedge or a [Throttle] does: the snapshots of their primitives.
// It is empty for other stages.
func (n *Node) Layers() []any {
	n.mu.Lock()
	observed := n.observed // only ever appended to
	n.mu.Unlock()
	var all []any
	for _, f := range observed { // user code: without the lock
		all = append(all, f())
	}
	return all
}

// tally is what a goroutine has done since it last told its node; telling the
// node batch by batch keeps atomics off the items.
type tally struct {
	in, out, filtered, failed          int64
	attempts, wait, work, longest      int64
	derived, folded, recovered, letter int64
	expired                            int64
}

// publish adds the tally to the node and empties it.
func (t *tally) publish(n *Node) {
	add(&n.in, t.in)
	add(&n.out, t.out)
	add(&n.filtered, t.filtered)
	add(&n.failed, t.failed)
	add(&n.attempts, t.attempts)
	add(&n.wait, t.wait)
	add(&n.work, t.work)
	add(&n.derived, t.derived)
	add(&n.folded, t.folded)
	add(&n.recovered, t.recovered)
	add(&n.deadLetter, t.letter)
	add(&n.expired, t.expired)
	for {
		old := n.longest.Load()
		if t.longest <= old || n.longest.CompareAndSwap(old, t.longest) {
			break
		}
	}
	*t = tally{}
}

func add(a *atomic.Int64, n int64) {
	if n != 0 {
		a.Add(n)
	}
}

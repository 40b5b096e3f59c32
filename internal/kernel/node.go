package kernel

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
)

// Node is the place of a source, a stage or a sink in a run: its name, its edges and its account.
// Any goroutine may call its exported methods at any time, unless a method says otherwise.
type Node struct {
	Name  string
	run   *Run
	Index int32
	Ins   []*Edge
	Outs  []*Edge

	// The stage at work. Owner: the goroutine that does the node's work.
	op       Op
	solo     *solo // only with one worker; nil until it works
	finished bool  // the op wants no more items

	account.Books

	follows   *Node       // of a source: the sink from which its items come; nil if there is none
	entangled bool        // its inlets depend on each other
	inPlace   atomic.Bool // it must run in the goroutine that calls Serve

	unwanted  atomic.Bool // of a source: no stage below wants its items
	drains    atomic.Bool // of a source: it continues after the intake has stopped
	workers   atomic.Int32
	paused    atomic.Pointer[chan struct{}]
	kept      atomic.Int64 // items that it has folded into a result that it has not sent
	calls     atomic.Int32 // goroutines that are calling its function
	leftCalls atomic.Int32 // calls that were left behind
	leftItems atomic.Int64 // items that a stage held when it was left behind
	hold      atomic.Int32 // loose, engaged or behind
	ended     atomic.Bool
	sealed    atomic.Pointer[account.Ledger]
	abandoned chan struct{} // closed when the stage is left behind; nil if it cannot be

	show func(any) // called with the section at the node, if callers use it

	labels atomic.Pointer[context.Context] // see Label

	mu       sync.Mutex
	function any
	observed []func() any
	intake   context.CancelFunc
	staff    func(workers int)
}

// Edge is the hand-off from one node to the next.
type Edge struct {
	From, To *Node
	unwanted atomic.Bool // no stage below takes its items
	handoff.Edge
}

// NewNode adds a node.
func (r *Run) NewNode(name string) *Node {
	n := &Node{Name: name, run: r, Index: int32(len(r.nodes))}
	if r.distributed {
		n.Books.Distribute()
	}
	if r.detached {
		n.abandoned = make(chan struct{})
	}
	r.nodes = append(r.nodes, n)
	r.pool.AddNode(name)
	return n
}

// Link joins two nodes by an edge for at most bound items of one type.
func (r *Run) Link(from, to *Node, bound int, columns handoff.Columns) *Edge {
	e := &Edge{From: from, To: to}
	e.Init(handoff.Config{Columns: columns, Bound: max(bound, 1), Clock: r.Clock, Timed: r.timed, Detached: r.detached})
	from.Outs, to.Ins = append(from.Outs, e), append(to.Ins, e)
	return e
}

// Run returns the run of the node.
func (n *Node) Run() *Run { return n.run }

// Ledger returns the node's account. During a run its entries may be up to a batch apart. A source
// counts the items that it has sent as its input.
func (n *Node) Ledger() account.Ledger {
	if l := n.sealed.Load(); l != nil {
		return *l
	}
	return n.Books.Ledger(n.IsSource(), n.sent)
}

// Spreads returns the counts of the node's waits, works and ages by the index of their bucket, and
// the sum of the ages. They are nil if the node keeps none.
func (n *Node) Spreads() (wait, work, age []uint64, aged time.Duration) {
	if wait, work, age, aged = n.Books.Spreads(); !n.IsSink() {
		age = nil
	}
	return wait, work, age, aged
}

// sent returns how many items the node has sent.
func (n *Node) sent() (items int64) {
	for _, e := range n.Outs {
		items += e.Sent()
	}
	return items
}

// Serves sets the function that the node calls, or the stage that it runs.
func (n *Node) Serves(f any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.function = f
}

// Function returns the name of the function that the node calls, or the type of the stage.
func (n *Node) Function() string {
	n.mu.Lock()
	f := n.function
	n.mu.Unlock()
	switch v := reflect.ValueOf(f); {
	case f == nil:
		return ""
	case v.Kind() == reflect.Func && !v.IsNil():
		return runtime.FuncForPC(v.Pointer()).Name()
	}
	return strings.TrimPrefix(reflect.TypeOf(f).String(), "*")
}

// Observe adds a function that returns a view of something at work in the node.
func (n *Node) Observe(f func() any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.observed = append(n.observed, f)
}

// Observed returns the current views of the node.
func (n *Node) Observed() []any {
	n.mu.Lock()
	observed := n.observed // slices are only appended to, so no copy is needed
	n.mu.Unlock()
	var all []any
	for _, f := range observed { // user code, so it runs without the lock
		if view := f(); view != nil {
			all = append(all, view)
		}
	}
	return all
}

// Calls returns the number of goroutines that are calling the node's function. It is 0 for stages
// of other packages.
func (n *Node) Calls() int { return int(n.calls.Load()) }

// Keeps says that the stage holds n items for results that it has not sent. The ledger counts most
// of them as folded already.
func (n *Node) Keeps(items int) { n.kept.Store(int64(items)) }

// Inside returns a lower bound of the number of items that the stage holds.
func (n *Node) Inside() int64 {
	l := n.Ledger()
	return max(l.Balance(), n.kept.Load(), int64(n.Calls()))
}

// Waiting returns how many items wait before the stage or are being worked on.
func (n *Node) Waiting() (items int64) {
	for _, e := range n.Ins {
		items += int64(e.Depth())
	}
	return items
}

// Ended reports whether the stage has returned and every item that arrived is accounted for.
func (n *Node) Ended() bool { return n.ended.Load() }

// Blocked reports whether the node waits for room below.
func (n *Node) Blocked() bool {
	for _, e := range n.Outs {
		if e.Crowded() {
			return true
		}
	}
	return false
}

// Follow says, before the source runs, that its items come from a sink of the run.
func (n *Node) Follow(sink *Node) { n.follows = sink }

// Entangle says, before the stage runs, that its inlets depend on each other.
func (n *Node) Entangle() { n.entangled = true }

// Entangled reports whether the node's inlets depend on each other.
func (n *Node) Entangled() bool { return n.entangled }

// IsSource reports that no edge leads to the node.
func (n *Node) IsSource() bool { return len(n.Ins) == 0 }

// IsSink reports that no edge leads from the node.
func (n *Node) IsSink() bool { return len(n.Outs) == 0 }

// OnShow sets a function that is called with each argument of [Node.Show], and with nil when the
// node has ended.
func (n *Node) OnShow(f func(machine any)) { n.show = f }

// Show makes the machine that does the work of the node known to callers that use it themselves.
func (n *Node) Show(machine any) {
	if n.show != nil {
		n.show(machine)
	}
}

// Shown reports whether callers use the machine of the node.
func (n *Node) Shown() bool { return n.show != nil }

// Calling counts calls of the function: k calls begin, or -k calls end.
func (n *Node) Calling(k int32) { n.calls.Add(k) }

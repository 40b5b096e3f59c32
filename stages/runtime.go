package stages

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Runtime is what the stages of one run share: contexts, clock, the nodes and
// the first fault. Package flow makes one for each run; those who test a stage
// of their own without a flow can make one, too.
type Runtime struct {
	ctx    context.Context // for user functions: ends at the abort
	cancel context.CancelCauseFunc
	intake context.Context // for sources: ends when the intake stops
	stop   context.CancelFunc
	unhook [2]func() bool

	base    time.Time
	timed   bool
	depot   *depot
	nodes   []*Node
	joints  []*joint
	aborted atomic.Bool // ctx has ended
	stopped atomic.Bool // intake has ended

	abandoned chan struct{} // closed when calls are left behind; nil where they cannot be

	mu        sync.Mutex
	fault     error
	unhandled int
}

// NewRuntime returns the runtime of a run whose abort is the end of ctx. Close
// must be called when everything that was started on it has returned. names
// are the nodes, which must be unique; their order is the order of reports.
// An untimed run takes no times, which makes cheap stages cheaper still.
func NewRuntime(ctx context.Context, untimed bool, names ...string) *Runtime {
	rt := &Runtime{base: time.Now(), timed: !untimed, depot: &depot{path: len(names)}}
	rt.ctx, rt.cancel = context.WithCancelCause(ctx)
	rt.intake, rt.stop = context.WithCancel(rt.ctx)
	for i, name := range names {
		rt.nodes = append(rt.nodes, &Node{name: name, index: int32(i)})
	}
	rt.unhook[0] = context.AfterFunc(rt.ctx, func() { rt.aborted.Store(true) })
	rt.unhook[1] = context.AfterFunc(rt.intake, func() { rt.stopped.Store(true) })
	return rt
}

// Close releases the runtime's contexts. It does not wait for anything.
func (rt *Runtime) Close() {
	for _, unhook := range rt.unhook {
		unhook()
	}
	rt.stop()
	rt.cancel(nil)
}

// Nodes returns the nodes in the order given.
func (rt *Runtime) Nodes() []*Node { return rt.nodes }

// Context returns the context that user functions get. It ends at the abort.
func (rt *Runtime) Context() context.Context { return rt.ctx }

// Stop stops the intake: sources return, and what is inside the flow drains.
// It returns at once and may be called often.
func (rt *Runtime) Stop() { rt.stop() }

// Stopped returns a channel that is closed when the intake has been stopped.
func (rt *Runtime) Stopped() <-chan struct{} { return rt.intake.Done() }

// Abort ends the run: sources return, user functions see their context
// cancelled and are called no more, and each item inside fails with
// [ErrAborted] and cause, so that it is still accounted for. It returns at
// once; only the first call counts.
func (rt *Runtime) Abort(cause error) { rt.cancel(cause) }

// Err returns the first fault of the run: a stage that broke, or a failed item
// that reached a sink which does not take failures. It is nil so far as all is
// well.
func (rt *Runtime) Err() error {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.unhandled > 1 {
		return fmt.Errorf("%w (and %d more failed items)", rt.fault, rt.unhandled-1)
	}
	return rt.fault
}

// fail records the first fault and stops the intake: what is inside drains.
func (rt *Runtime) fail(err error) {
	rt.mu.Lock()
	if rt.fault == nil {
		rt.fault = err
	}
	rt.mu.Unlock()
	rt.stop()
}

// failLayer records that user code has broken a layer of a section.
func (rt *Runtime) failLayer(node *Node, cause error) error {
	err := fmt.Errorf("stage %q: layer: %w", node.name, cause)
	rt.fail(err)
	return err
}

// refuse records a failed item that nobody takes.
func (rt *Runtime) refuse(err *ItemError) {
	rt.mu.Lock()
	rt.unhandled++
	rt.mu.Unlock()
	rt.fail(err)
}

// abortError is the failure of items that were inside at the abort.
func (rt *Runtime) abortError() error {
	return fmt.Errorf("%w: %w", ErrAborted, context.Cause(rt.ctx))
}

// now returns the nanoseconds since the run began.
func (rt *Runtime) now() int64 { return int64(time.Since(rt.base)) }

// stamp is now in a timed run, and free in an untimed one.
func (rt *Runtime) stamp() int64 {
	if !rt.timed {
		return 0
	}
	return rt.now()
}

// newItemError makes the failure of an item at node.
func (rt *Runtime) newItemError(node *Node, err error, attempts int, value any, t *trail) *ItemError {
	e := &ItemError{Stage: node.name, Err: err, Attempts: attempts, Value: value, Origin: t.origin(), replays: t.receipt().replayed()}
	if t != nil && rt.timed {
		e.Entered = rt.base.Add(time.Duration(t.born))
	}
	return e
}

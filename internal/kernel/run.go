package kernel

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/lineage"
)

// Run has what the nodes of one run share: contexts, clock, lineage and the first fault.
type Run struct {
	// Ctx is the context of user functions. It ends at the abort.
	Ctx context.Context
	// Intake is the context of sources. It ends when the intake stops.
	Intake context.Context

	cancel context.CancelCauseFunc
	stop   context.CancelFunc

	lineage.Clock

	recall      lineage.Recall // for lots with items in the run
	timed       bool
	name        string        // for labels
	hooks       *Hooks        // nil for none
	calling     *Hooks        // hooks that see calls; nil for none
	gap         atomic.Int64  // items without a context before the next one that hooks see
	distributed bool          // nodes keep distributions
	detached    bool          // the run can leave calls behind
	left        chan struct{} // closed when the run leaves them behind
	moved       int64         // changes when anything moves; as of the last AbandonStuck
	settled     atomic.Int64  // acknowledgements that have returned
	pool        lineage.Pool
	nodes       []*Node
	rings       atomic.Uint32 // number of times that all alarms were rung

	mu        sync.Mutex
	fault     error
	unhandled int
	abort     error
	alarms    map[*Alarm]struct{}
}

// NewRun returns a run that is aborted when ctx ends. The caller must call Close after everything
// that was started on the run has returned. A detached run can leave calls behind that do not
// return; see [Run.Abandon].
func NewRun(ctx context.Context, timed, detached bool) *Run {
	r := &Run{Clock: lineage.NewClock(), timed: timed, detached: detached}
	r.recall.Ring = r.ring
	r.Ctx, r.cancel = context.WithCancelCause(ctx)
	r.Intake, r.stop = context.WithCancel(r.Ctx)
	if detached {
		r.left = make(chan struct{})
	}
	return r
}

// Close releases the contexts. It does not wait.
func (r *Run) Close() {
	r.stop()
	r.cancel(nil)
}

// Nodes returns the nodes in the order in which they were made.
func (r *Run) Nodes() []*Node { return r.nodes }

// Stop stops the intake: sources return, and the items inside drain. It returns at once.
func (r *Run) Stop() { r.stop() }

// Abort ends the run. The contexts of user functions end, no further function is called, and each
// item inside fails with ErrAborted and cause. Abort returns at once. Only the first call counts.
func (r *Run) Abort(cause error) { r.cancel(cause) }

// Aborted reports whether the run was aborted. After that no function is called.
func (r *Run) Aborted() bool { return r.Ctx.Err() != nil }

// AbortError returns the failure of the items that were inside at the abort.
func (r *Run) AbortError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.abort == nil {
		r.abort = fmt.Errorf("%w: %w", fault.ErrAborted, context.Cause(r.Ctx))
	}
	return r.abort
}

// Err returns the first fault of the run: a failed stage, or a failed item that no policy took. It
// is nil while the run is healthy.
func (r *Run) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unhandled > 1 {
		return fmt.Errorf("%w (and %d more failed items)", r.fault, r.unhandled-1)
	}
	return r.fault
}

// Fail records the first fault and stops the intake, so that the items inside drain. Sources that
// continue after the intake has stopped also stop.
func (r *Run) Fail(err error) {
	r.mu.Lock()
	if r.fault == nil {
		r.fault = err
	}
	r.mu.Unlock()
	r.stop()
	for _, n := range r.nodes {
		if n.drains.Load() {
			n.close()
		}
	}
}

// Exited ends the run because user code has ended a goroutine of the node. err is ErrGoexit, or the
// failure of the item for which the code was called.
func (n *Node) Exited(err error) {
	if err == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
		err = fmt.Errorf("stage %q: %w", n.Name, err)
	}
	n.run.Fail(err)
	n.run.Abort(err)
}

// now returns the time since the run began, in nanoseconds. Deadlines use this time.
func (r *Run) now() int64 { return r.Now() }

// stamp returns now in a timed run, and 0 in an untimed one.
func (r *Run) stamp() int64 {
	if !r.timed {
		return 0
	}
	return r.now()
}

// Timed reports whether items have timings.
func (r *Run) Timed() bool { return r.timed }

// Distribute makes the nodes that are created from now on keep distributions.
func (r *Run) Distribute() { r.distributed = r.timed }

// Stopping reports whether the intake has stopped.
func (r *Run) Stopping() bool { return r.Intake.Err() != nil }

package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/weir-go/weir/internal/fault"
)

// Detached reports whether calls of the run can be left behind.
func (r *Run) Detached() bool { return r.detached }

// Abandon leaves all calls behind that are at work in an aborted, detached run. Their
// items fail with ErrAbandoned. It returns at once and must be called once at most.
func (r *Run) Abandon() { close(r.left) }

// Apart makes a call of user code so that it can be left behind: in a goroutine of its
// own, in a detached run. What the call writes when it was left behind must not be used.
func (n *Node) Apart(call func() error) (left bool, _ error) {
	done := make(chan error, 1)
	go func() {
		err := fault.ErrGoexit
		defer func() { done <- err }() // also if the call ends the goroutine
		err = n.Protect(call)
	}()
	select {
	case err := <-done:
		return false, err
	case <-n.run.left:
		n.leftCalls.Add(1)
		return true, errors.Join(n.run.AbortError(), fault.ErrAbandoned)
	}
}

// AbandonStuck leaves those sources, stages and sinks behind that keep an aborted,
// detached run from ending: they could go on, and have not. It must be called again until
// the run has ended: a stage that another one holds up is not stuck itself. It is not
// safe for concurrent use.
func (r *Run) AbandonStuck() {
	for _, n := range r.nodes {
		if !n.ended.Load() && !n.gone.Load() && !n.inPlace.Load() && n.stuck() {
			n.gone.Store(true)
			close(n.abandoned)
		}
	}
}

// stuck reports whether the node does not go on although it could, in a run that is
// aborted and has had time: it does not wait for room, and it has all that it will get,
// or more than it takes.
func (n *Node) stuck() bool {
	if n.Blocked() {
		return false
	}
	all := true
	for _, in := range n.Ins {
		if in.Crowded() {
			return true
		}
		all = all && in.from.ended.Load()
	}
	return all
}

// Left returns how many calls of the node were left behind, whether the source, stage or sink
// was, and how many items were in its hands then.
func (n *Node) Left() (calls int, stage bool, items int64) {
	return int(n.leftCalls.Load()), n.gone.Load(), n.leftItems.Load()
}

// Serve runs the source, stage or sink of the node: run is its loop, ins and outs its
// ends. It returns when everything that arrived is accounted for, and closes outs. An
// error or a panic of the loop becomes the fault of the run.
func (n *Node) Serve(ins []*Inlet, outs []*Outlet, run func() error) {
	defer func() {
		for _, o := range outs {
			o.Close()
		}
	}()
	var err error
	var left bool
	returned := false
	defer func() {
		if !returned { // the goroutine is ending, or an op has panicked
			if err = fault.Caught(n.Name, recover()); err == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
				n.Exited(err)
			}
		}
		if err != nil {
			err = fmt.Errorf("stage %q: %w", n.Name, err)
			n.run.Fail(err)
		}
		if left {
			for i, in := range ins {
				ins[i] = in.relieve()
			}
			defer n.seal()
		}
		n.Show(nil)
		restAll(ins, err)
		n.ended.Store(true)
	}()
	left, err = n.attend(run)
	returned = true
}

// restAll settles all inlets at once: one may have to be emptied before another ends.
func restAll(ins []*Inlet, err error) {
	if len(ins) == 1 {
		ins[0].rest(err)
		return
	}
	var all sync.WaitGroup
	for _, in := range ins {
		all.Go(func() { in.rest(err) })
	}
	all.Wait()
}

// attend runs the loop. It reports whether it left it behind.
func (n *Node) attend(run func() error) (left bool, err error) {
	if n.abandoned == nil || n.inPlace.Load() {
		return false, run()
	}
	done := make(chan error, 1)
	go func() {
		err := fault.ErrGoexit
		defer func() { done <- err }()
		err = n.Protect(run)
	}()
	select {
	case err := <-done:
		return false, err
	case <-n.abandoned:
		return true, fault.ErrAbandoned
	}
}

// relieve returns an inlet that goes on in place of one whose stage was left behind. What
// the stage has in hand stays there.
func (in *Inlet) relieve() *Inlet {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.dead = true
	if in.end > in.from && in.Pos >= in.from { // it may have failed before, and be in no account here
		in.node.leftItems.Store(1)
	}
	fresh := &Inlet{
		B: in.B, Pos: in.Pos, node: in.node, edge: in.edge, out: in.out,
		from: in.from, end: in.end, over: in.over,
	}
	in.over = true // if the stage comes back, it finds the end of the stream
	return fresh
}

// seal closes the account of a node that was left behind: what it had taken has failed.
func (n *Node) seal() {
	l := n.Ledger()
	n.leftItems.Store(max(n.leftItems.Load(), l.Balance()))
	l.Failed += l.Balance()
	n.sealed.Store(&l)
}

// InPlace says that the stage must run in the goroutine that it is given.
func (n *Node) InPlace() { n.inPlace.Store(true) }

// Sink says that the stage has no way on.
func (n *Node) Sink() { n.sink = true }

// RunSource is Serve for a source. run gets the context of the intake.
func (n *Node) RunSource(out *Outlet, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(n.run.Intake)
	defer cancel()
	n.Open(cancel)
	n.runSource(ctx, out, run)
}

// RunDrained is RunSource for a source that goes on after the intake has stopped, until above has
// returned: then it has brought what comes from other parts of the graph. It stops at once if the run
// has failed.
func (n *Node) RunDrained(out *Outlet, above, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(n.run.Ctx)
	// Ordering: Fail sets the fault before it stops the intake and looks at drains. So either the
	// goroutine below sees the fault, or Fail closes the intake.
	n.drains.Store(true)
	n.Open(cancel)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		defer cancel()
		select {
		case <-n.run.Intake.Done():
		case <-ctx.Done():
			return
		}
		if n.run.Err() != nil {
			return
		}
		if err := n.Protect(func() error { return above(ctx) }); err != nil && ctx.Err() == nil {
			n.run.Fail(fmt.Errorf("stage %q: drain: %w", n.Name, err))
		}
	})
	n.runSource(ctx, out, run)
}

func (n *Node) runSource(ctx context.Context, out *Outlet, run func(context.Context) error) {
	n.Serve(nil, []*Outlet{out}, func() error {
		err := run(ctx)
		if stopped := ctx.Err(); stopped != nil && errors.Is(err, stopped) {
			return nil // asked to stop, and it did
		}
		return err
	})
}

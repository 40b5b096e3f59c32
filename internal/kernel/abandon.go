package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/weir-go/weir/internal/fault"
)

// Detached reports whether the run can leave calls behind.
func (r *Run) Detached() bool { return r.detached }

// Abandon leaves behind all calls that are still at work in an aborted, detached run. Their items
// fail with ErrAbandoned. Abandon returns at once. It must be called at most once.
func (r *Run) Abandon() { close(r.left) }

// Apart calls user code in a goroutine of its own, so that a detached run can leave the call
// behind. If left is true, the caller must not use anything that the call writes.
func (n *Node) Apart(call func() error) (left bool, err error) {
	if left, err = n.apart(call, n.run.left); left {
		n.leftCalls.Add(1)
		err = errors.Join(n.run.AbortError(), fault.ErrAbandoned)
	}
	return left, err
}

// apart calls f in a goroutine of its own, as [Node.Protect] does. It returns left if gone is closed
// before f has returned.
func (n *Node) apart(f func() error, gone <-chan struct{}) (left bool, _ error) {
	done := make(chan error, 1)
	go func() {
		err := fault.ErrGoexit
		defer func() { done <- err }() // also if f ends the goroutine
		err = n.Protect(f)
	}()
	select {
	case err := <-done:
		return false, err
	case <-gone:
		return true, nil
	}
}

// States of a node's hold on its edges.
const (
	loose   int32 = iota
	engaged       // the machine receives from the node's edge
	behind        // the source, stage or sink was left behind
)

// Engage says that the machine receives from the node's edge without an [Inlet]. It calls the
// functions of users apart, so only an acknowledgement can hold it up. AbandonStuck does not leave
// an engaged node behind while anything moves, because an edge has one receiver. Engage returns
// false if the node was left behind already.
func (n *Node) Engage() bool { return n.hold.CompareAndSwap(loose, engaged) }

// Disengage ends what Engage began.
func (n *Node) Disengage() { n.hold.CompareAndSwap(engaged, loose) }

// Gone reports whether the source, stage or sink was left behind.
func (n *Node) Gone() bool { return n.hold.Load() == behind }

// AbandonStuck leaves behind the sources, stages and sinks that could continue but do not, in an
// aborted, detached run. The caller must repeat it until the run has ended: a stage that waits for
// a stuck stage is not stuck itself. AbandonStuck is not safe for concurrent use.
func (r *Run) AbandonStuck() {
	before := r.moved
	r.moved = r.settled.Load()
	for _, n := range r.nodes {
		l := n.Ledger()
		r.moved += l.In + l.Out + l.Failed - n.Waiting()
	}
	for _, n := range r.nodes {
		if n.ended.Load() || n.inPlace.Load() || !n.stuck() {
			continue
		}
		if n.hold.CompareAndSwap(loose, behind) || r.moved == before && n.hold.CompareAndSwap(engaged, behind) {
			close(n.abandoned)
		}
	}
}

// stuck reports whether the node does not continue although it could. The run must be aborted and
// must have had time to end. A stuck node waits neither for room nor for items: a Concat waits for
// one inlet while the other is full. Either it does not take items from a full edge, or all nodes
// above it have ended.
func (n *Node) stuck() bool {
	if n.Blocked() || slices.ContainsFunc(n.Ins, (*Edge).Hungry) {
		return false
	}
	all := true
	for _, in := range n.Ins {
		if in.Crowded() {
			return true
		}
		all = all && in.From.ended.Load()
	}
	return all
}

// Left returns how many calls of the node were left behind, whether its source, stage or sink was
// left behind, and how many items that stage held then.
func (n *Node) Left() (calls int, stage bool, items int64) {
	return int(n.leftCalls.Load()), n.Gone(), n.leftItems.Load()
}

// Serve runs the source, stage or sink of the node. run is its loop; ins and outs are its edges.
// Serve returns when every item that arrived is accounted for, and closes outs. An error or a panic
// of the loop becomes the fault of the run.
func (n *Node) Serve(ins []*Inlet, outs []*Outlet, run func() error) {
	defer func() {
		for _, o := range outs {
			o.Close()
		}
	}()
	left, err := false, fault.ErrGoexit // unless the loop returns
	defer func() {
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
	if n.abandoned == nil || n.inPlace.Load() {
		err = n.Protect(run)
	} else if left, err = n.apart(run, n.abandoned); left {
		err = fault.ErrAbandoned
	}
}

// restAll settles all inlets concurrently: one may have to be emptied before another can end.
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

// relieve returns an inlet that replaces the one of a stage that was left behind. The item that the
// stage is working on stays with the stage.
func (in *Inlet) relieve() *Inlet {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.dead = true
	if in.end > in.from && in.Pos >= in.from { // an item that failed before is in no account here
		in.node.leftItems.Store(1)
	}
	fresh := &Inlet{
		B: in.B, Pos: in.Pos, node: in.node, edge: in.edge, out: in.out,
		from: in.from, end: in.end, over: in.over, parked: in.parked,
	}
	return fresh
}

// seal closes the account of a node that was left behind: items that it had taken count as failed.
func (n *Node) seal() {
	l := n.Ledger()
	n.leftItems.Store(max(n.leftItems.Load(), l.Balance()))
	l.Failed += l.Balance()
	n.sealed.Store(&l)
}

// InPlace makes the stage run in the goroutine that calls Serve.
func (n *Node) InPlace() { n.inPlace.Store(true) }

// RunSource is Serve for a source. run gets the context of the intake.
func (n *Node) RunSource(out *Outlet, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(n.run.Intake)
	defer cancel()
	n.stopBy(cancel)
	n.runSource(ctx, out, run)
}

// RunDrained is RunSource for a source that continues after the intake has stopped, until above has
// returned. By then it has received all items of other parts of the graph. It stops at once if the
// run has failed.
func (n *Node) RunDrained(out *Outlet, above, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(n.run.Ctx)
	// Ordering: Fail sets the fault before it stops the intake and loads drains. So either the
	// goroutine below sees the fault, or Fail closes the intake.
	n.drains.Store(true)
	n.stopBy(cancel)
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
			return nil // the source stopped as asked
		}
		return err
	})
}

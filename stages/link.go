package stages

import (
	"context"
	"errors"
	"fmt"
)

// Link joins the outlet of node from to the inlet of node to by an edge that
// holds at most bound items; bound is at least 1.
func Link[T any](rt *Runtime, from, to *Node, bound int) (*Outlet[T], *Inlet[T]) {
	e := newEdge[Item[T]](max(bound, 1))
	e.bell = true
	e.lost = func(it Item[T]) { it.trail.leave(errors.Join(rt.abortError(), ErrAbandoned)) }
	j := &joint{from: from, to: to, edge: &e.level}
	out := &Outlet[T]{rt: rt, node: from, edge: e, joint: j, mint: rt.mint()}
	from.outs, to.ins = append(from.outs, j), append(to.ins, j)
	rt.joints = append(rt.joints, j)
	return out, &Inlet[T]{rt: rt, node: to, edge: e, joint: j}
}

// RunStage runs s between in and out until both are done with: it returns when
// everything that arrived is accounted for, and closes out. A panic or an error
// of s becomes the fault of the run.
func RunStage[I, O any](s Stage[I, O], in *Inlet[I], out *Outlet[O]) {
	in.bypass = out.pass
	in.takes = takesFailures(s)
	defer out.close()
	in.node.serve(s)
	settle(in, in.rt, in.node, func() error { return s.Run(in.rt.ctx, in, out) })
}

// RunSink runs s behind in until the stream has ended.
func RunSink[T any](s Sink[T], in *Inlet[T]) {
	in.takes = takesFailures(s)
	in.node.serve(s)
	if p, ok := s.(interface{ InPlace() bool }); ok {
		in.node.inPlace.Store(p.InPlace())
	}
	settle(in, in.rt, in.node, func() error { return s.Run(in.rt.ctx, in) })
}

// RunSource runs s before out until it has returned, and closes out.
func RunSource[T any](s Source[T], out *Outlet[T]) {
	out.source = true
	defer out.close()
	ctx, cancel := context.WithCancel(out.rt.intake)
	defer cancel()
	out.node.open(cancel)
	out.node.serve(s)
	settle(nothing{}, out.rt, out.node, func() error {
		err := s.Run(ctx, out)
		if stopped := ctx.Err(); stopped != nil && errors.Is(err, stopped) {
			return nil // asked to stop, and it did
		}
		return err
	})
}

// settle runs a stage and then accounts for what it left behind, also when it
// panicked or ended its goroutine.
func settle(in finisher, rt *Runtime, node *Node, run func() error) {
	var err error
	var left bool
	returned := false
	defer func() {
		if !returned {
			err = caught(node.name, recover())
			if err == ErrGoexit && node.outlived { //nolint:errorlint // our own value, as it is
				err = node.verdict
			}
		}
		if err != nil {
			err = fmt.Errorf("stage %q: %w", node.name, err)
			rt.fail(err)
		}
		if left {
			in = in.relief()
			defer node.seal()
		}
		in.finish(err)
		node.ended.Store(true)
	}()
	left, err = node.attend(run)
	returned = true
}

// nothing is the inlet of a source.
type nothing struct{}

func (nothing) finish(error) {}

func takesFailures(s any) bool {
	t, ok := s.(FailureTaker)
	return ok && t.TakesFailures()
}

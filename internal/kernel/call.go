package kernel

import (
	"context"
	"fmt"

	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/lineage"
)

// Value returns the value of the current item.
func (in *Inlet) Value() any { return in.B.Vals.Value(in.Pos) }

// Ask calls f, which is user code, for the received item at a place of B, with the context of the
// item. It does not call f if the item has no time left or the run was aborted. If f was not called,
// returns an error, panics or ends the goroutine, Ask accounts for the item and returns false. It
// books no time.
func (in *Inlet) Ask(place int, m *Meta, f func(context.Context) error) (ok bool) {
	_, ok = in.call(place, m, f)
	return ok
}

// call is Ask, and also returns the number of calls of f.
func (in *Inlet) call(place int, m *Meta, f func(context.Context) error) (attempts int, ok bool) {
	n := in.node
	var err error
	returned := false
	n.calls.Add(1)
	defer func() {
		n.calls.Add(-1)
		if !returned {
			if err = fault.Caught(n.Name, recover()); err == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
				n.Exited(fault.ItemError(n.NewFault(err, 1, in.B.Vals.Value(place), m.trail)))
			}
		}
		switch ok = err == nil; {
		case ok:
		case fault.IsDrop(err):
			in.Drop(*m)
		default:
			in.fail(*m, in.B.Vals.Value(place), err, attempts)
		}
	}()
	switch l := m.Limit(); {
	case n.run.Aborted():
		err = n.run.AbortError()
	case !l.Bounded():
		attempts = 1
		err = f(n.run.Ctx)
	default:
		if err = l.Over(n.run.Clock); err == nil {
			attempts = 1
			err = n.within(&l, f)
		}
	}
	returned = true
	return attempts, true
}

// Remain sends on a failed item, with err as its failure. The stage received the item because it
// takes failures. The item still counts as a failure of the stage in which it failed.
func (in *Inlet) Remain(m Meta, err error) {
	f := *m.fault
	f.Err = err
	m.fault = &f
	in.Pass(&m)
}

// lent is a context whose values come from item first.
type lent struct {
	context.Context
	item context.Context
}

// Value implements context.Context.
func (l lent) Value(key any) any {
	if x := l.item.Value(key); x != nil {
		return x
	}
	return l.Context.Value(key)
}

// valuesOf returns a context that has the values of the item's context and ends with the run.
func (n *Node) valuesOf(m *Meta) context.Context {
	if ctx := m.Limit().Ctx; ctx != nil {
		return lent{n.run.Ctx, context.WithoutCancel(ctx)}
	}
	return n.run.Ctx
}

// within calls f with the context of an item with limits.
func (n *Node) within(l *lineage.Limit, f func(context.Context) error) error {
	ctx := l.Within(n.run.Ctx, n.run.Clock)
	defer ctx.End()
	return n.Blame(l, ctx, f(ctx))
}

// Blame returns the error of a call for an item, with the limit of the item added if that is the
// reason. After an abort it returns the error of the call as it is.
func (n *Node) Blame(l *lineage.Limit, ctx context.Context, err error) error {
	if err == nil || !l.Bounded() || n.run.Aborted() {
		return err
	}
	return l.Blame(n.run.Clock, ctx, err)
}

// Visit calls f, which calls user code, for the taken places from from up to to of B, including
// failed ones. It stops at the first place for which f returns an error or panics, or at a healthy
// one if the run was aborted. It hands that place to fail, and returns the next place. If f ends
// the goroutine, fail gets all remaining places.
func (in *Inlet) Visit(from, to int, f func(place int) error, fail func(place int, err error, attempts int)) (next int) {
	n := in.node
	i, attempts, returned := from, 1, false
	defer func() {
		if returned {
			return
		}
		fail(i, fault.ErrGoexit, 1)
		for i++; i < to; i++ {
			fail(i, n.run.AbortError(), 0)
		}
	}()
	err := n.Protect(func() error {
		for ; i < to; i++ {
			if n.run.Aborted() && in.Healthy(i) {
				attempts = 0
				return n.run.AbortError()
			}
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	})
	returned = true
	if err != nil {
		fail(i, err, attempts)
		i++
	}
	return i
}

// FailAt accounts for the healthy item at a place of B as failed. The item must have been taken and
// received.
func (in *Inlet) FailAt(place int, err error, attempts int) {
	in.fail(metaOf(in.B, place), in.B.Vals.Value(place), err, attempts)
}

// Protect calls f, and turns a panic of f into an error. If f ends its goroutine, Protect ends the
// run.
func (n *Node) Protect(f func() error) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if err = fault.Caught(n.Name, recover()); err == fault.ErrGoexit { //nolint:errorlint // our own value, as it is
			n.Exited(err)
		}
	}()
	err = f()
	returned = true
	return err
}

// Finish calls f, which is user code that is called after the run. A panic of f becomes an error.
func (n *Node) Finish(f func() error) error {
	if err := n.Protect(f); err != nil {
		return fmt.Errorf("stage %q: finish: %w", n.Name, err)
	}
	return nil
}

// NewFault makes the failure of an item at the node.
func (n *Node) NewFault(err error, attempts int, value any, t *lineage.Trail) *fault.Fault {
	f := &fault.Fault{Stage: n.Name, Err: err, Attempts: attempts, Value: value}
	if t != nil {
		r := t.Receipt()
		f.Origin, f.Replays, f.Deliveries = t.Origin(), r.Replayed(), r.Delivered()
		if n.run.timed {
			f.Entered = n.run.Time(t.Entered())
		}
	}
	if h := n.run.hooks; h != nil && h.Fail != nil {
		h.Fail(f)
	}
	return f
}

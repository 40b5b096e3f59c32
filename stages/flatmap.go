package stages

import (
	"context"
	"iter"
)

// FlatMap calls f for each item and sends on every value of the sequence that
// it returns, in order and as they come; the sequence may be long, and is not
// held in memory. A nil sequence is an empty one.
//
//	in:   --1--------3------>
//	f:      x => x times x
//	out:  --1--------3-3-3-->
//
// An item with an empty sequence counts as filtered. An error of f fails the
// item. A panic in f or in the sequence fails the item, too; what the sequence
// had yielded by then has been sent on. A flow that is aborted stops ranging, and
// so does an item whose time is up; see [Deadline].
func FlatMap[I, O any](f func(context.Context, I) (iter.Seq[O], error)) Stage[I, O] {
	return &flatMapper[I, O]{f}
}

type flatMapper[I, O any] struct {
	f func(context.Context, I) (iter.Seq[O], error)
}

func (m *flatMapper[I, O]) Validate() error { return needs(m.f == nil, "function is nil") }

func (m *flatMapper[I, O]) Run(ctx context.Context, in *Inlet[I], out *Outlet[O]) error {
	m = &flatMapper[I, O]{detached(in.rt, in.node, m.f)}
	return outlive(in.node, func() error {
		for it := range in.All() {
			m.each(ctx, in, it, out)
		}
		return nil
	})
}

// each deals with one item.
func (m *flatMapper[I, O]) each(ctx context.Context, in *Inlet[I], it Item[I], out *Outlet[O]) {
	l := it.trail.bounds()
	if late := l.over(in.rt); late != nil {
		reject(in, it, late)
		return
	}
	n, err := m.expand(ctx, l, in, &it, out)
	switch {
	case err != nil:
		in.Fail(it, err)
	case n == 0:
		in.Drop(it)
	default:
		// The last value stands for the item itself, in the ledger.
		in.node.derived.Add(-1)
		it.trail.release()
	}
}

// expand sends on the values of the item's sequence, and says how many.
func (m *flatMapper[I, O]) expand(ctx context.Context, l limit, in *Inlet[I], it *Item[I], out *Outlet[O]) (n int, err error) {
	var wait, work int64
	if t := it.trail; t != nil {
		wait = t.began - t.left
	}
	finished := false
	in.node.calls.Add(1)
	defer func() {
		in.node.calls.Add(-1)
		if !finished {
			err = caught(out.node.name, recover())
		}
		work += resume(out.rt, it.trail)
		effort := tally{attempts: 1, wait: wait, work: work, longest: work}
		effort.publish(out.node)
		if !finished && err == ErrGoexit { //nolint:errorlint // our own value, as it is
			in.Fail(*it, err) // nobody gets to see what expand returns
		}
	}()
	each := func(v O) {
		out.Derive(*it, v)
		n++
		work += resume(out.rt, it.trail) // to wait for room is no work
	}
	if l.bounded() {
		_, err = timely(out.rt, l, func(ctx context.Context, v I) (int, error) { return 0, m.all(ctx, v, out.rt, each) }, it.Value)
	} else {
		err = m.all(ctx, it.Value, out.rt, each)
	}
	finished = true
	return n, err
}

// all calls each for every value of the sequence of v, while ctx lasts.
func (m *flatMapper[I, O]) all(ctx context.Context, v I, rt *Runtime, each func(O)) error {
	seq, err := m.f(ctx, v)
	if err != nil || seq == nil {
		return err
	}
	begun := false
	for o := range seq {
		if begun && ctx.Err() != nil && !rt.aborted.Load() {
			return ctx.Err()
		}
		begun = true
		each(o)
		if rt.aborted.Load() {
			return rt.abortError()
		}
	}
	return nil
}

// resume begins the work on an item anew and returns how long it took so far.
func resume(rt *Runtime, t *trail) int64 {
	if t == nil {
		return 0
	}
	now := rt.now()
	worked := now - t.began
	t.began = now
	return worked
}

package stages

import (
	"context"
	"errors"
)

// Map calls f for each item and sends on what it returns, in the order of the
// items.
//
//	in:   --1----2--3---->
//	f:      x => x*10
//	out:  ---10---20-30-->
//
// An error fails the item, except [ErrDrop], which drops it. With [Workers] the
// function is called from several goroutines; the order is kept all the same,
// within a window of 16 items per worker (64 at least), unless [Unordered] is
// set. A panic fails the item with a *[PanicError]. [Hedge] has calls that do not
// answer made once more.
//
// A call in f is all that blocks the stage: an item that is done is within the
// next stage's reach, also while f works on the one behind it. Only where f has
// lately taken less than a microsecond are the next ones handed on together: a
// quarter as many as have been that cheap in a row, up to 16; or 64 where they
// take less than an eighth of it. A call among them that turns slow keeps those
// before it back; so the f of a single worker must not wait for what a stage
// below does with the item before.
// f is not called any more once the flow is aborted.
func Map[I, O any](f func(context.Context, I) (O, error), opts ...Option) Stage[I, O] {
	return &mapper[I, O]{f: f, settings: Apply(opts...)}
}

type mapper[I, O any] struct {
	f        func(context.Context, I) (O, error)
	settings Settings
}

// Validate implements [Validator].
func (m *mapper[I, O]) Validate() error {
	if m.f == nil {
		return errors.Join(errors.New("function is nil"), m.settings.Validate())
	}
	return m.settings.Validate()
}

// Staff implements [Staffed].
func (m *mapper[I, O]) Staff() int { return m.settings.Workers }

func (m *mapper[I, O]) Run(_ context.Context, in *Inlet[I], out *Outlet[O]) error {
	f, err := hedged(m.settings.Hedge, in.node, detached(in.rt, in.node, m.f))
	if err != nil {
		return err
	}
	m = &mapper[I, O]{f: f, settings: m.settings}
	if in.node.staffed(m.settings.Workers, nil) > 1 {
		newPool(m, in, out).run()
		return nil
	}
	s := newSolo(in, m.f)
	s.clear = func(n int) bool { return clearFor(&out.edge.level, n, limitOf(s, n)) }
	s.send = func(results []Item[O]) {
		if s.worker.spoiled {
			results = compact(results)
		}
		s.worker.last, s.below = out.offer(results, limitOf(s, len(results)), s.worker.last)
	}
	return outlive(in.node, func() error {
		if !s.run() { // somebody has set more workers
			newPool(m, in, out).run()
		}
		return nil
	})
}

package stages

import (
	"context"
	"sync/atomic"
)

// Remember is a stage that keeps each item's value as it is now: whatever
// becomes of the item, a failure shows it as [ItemError.Origin]. Right after a
// source it is what dead letters need to be played again from the beginning.
// It costs an allocation, and keeps the value alive as long as the item is in the
// flow.
func Remember[T any]() Stage[T, T] { return &rememberer[T]{} }

type rememberer[T any] struct{}

func (*rememberer[T]) Run(_ context.Context, in *Inlet[T], out *Outlet[T]) error {
	for it := range in.All() {
		if it.trail == nil {
			it.trail = keepTrail(out, in.rt.now())
		}
		it.trail.remember(&remembered[T]{it.Value})
		out.Send(it)
	}
	return nil
}

// Origins is the [ItemError.Origin] of an item that was made of several, such as
// a batch: what each of them was, in order. One that was not remembered is nil.
type Origins []any

// memory is what an item remembers. Two are the same if they are equal.
type memory interface{ value() any }

// remembered is a value as it was.
type remembered[T any] struct{ v T }

func (r *remembered[T]) value() any { return r.v }

// memories are those of what was made of several.
type memories struct {
	all    []memory
	shared atomic.Bool // items have it in common: it does not change any more
}

func (m *memories) value() any {
	all := make(Origins, len(m.all))
	for i, one := range m.all {
		if one != nil {
			all[i] = one.value()
		}
	}
	return all
}

// memory returns what the item remembers, nil for nothing. There may be no trail.
func (t *trail) memory() memory {
	if t == nil || t.has&hasOrigin == 0 {
		return nil
	}
	return t.extras().origin
}

// origin returns the value as it was remembered, nil where it was not.
func (t *trail) origin() any {
	if m := t.memory(); m != nil {
		return m.value()
	}
	return nil
}

func (t *trail) remember(m memory) {
	t.has |= hasOrigin
	t.extras().origin = m
}

// recall adds what another item remembers that is folded into this one. Branches
// of one item that come together again remember the same.
func (t *trail) recall(other memory) {
	mine := t.memory()
	if mine == other {
		return
	}
	m, ok := mine.(*memories)
	if !ok || m.shared.Load() {
		m = &memories{all: flat(mine)}
		t.remember(m)
	}
	m.all = append(m.all, flat(other)...)
}

func flat(m memory) []memory {
	if many, ok := m.(*memories); ok {
		return many.all[:len(many.all):len(many.all)]
	}
	return []memory{m}
}

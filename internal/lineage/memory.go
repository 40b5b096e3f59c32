package lineage

import "sync/atomic"

// Memory is what an item remembers of its value. Two memories are the same if they are equal by ==.
type Memory interface{ Value() any }

// memories are the memories of an item that was made of several.
type memories struct {
	all    []Memory
	shared atomic.Bool // several items have it, so it must not change
}

// Value implements Memory: it returns the values in order, nil for an item that remembered none.
func (m *memories) Value() any {
	all := make([]any, len(m.all))
	for i, one := range m.all {
		if one != nil {
			all[i] = one.Value()
		}
	}
	return OriginsOf(all)
}

// OriginsOf makes the exported type of the values of several items. Package stages sets it.
var OriginsOf = func(values []any) any { return values }

// Origin returns the value that the item remembers, nil if it remembers none.
func (t *Trail) Origin() any {
	if x := t.peek(); x != nil && x.origin != nil {
		return x.origin.Value()
	}
	return nil
}

// recall returns what an item remembers after another item has become a part of it. Two branches of
// one item that join again remember the same.
func recall(mine, other Memory) Memory {
	if mine == other {
		return mine
	}
	m, ok := mine.(*memories)
	if !ok || m.shared.Load() {
		m = &memories{all: flat(mine)}
	}
	m.all = append(m.all, flat(other)...)
	return m
}

func flat(m Memory) []Memory {
	if many, ok := m.(*memories); ok {
		return many.all[:len(many.all):len(many.all)]
	}
	return []Memory{m}
}

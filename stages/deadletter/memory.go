package deadletter

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/weir-go/weir/stages"
)

// DefaultMax is how many letters a [Memory] keeps if Max is 0.
const DefaultMax = 1024

// Memory keeps the last letters in memory. When there are more than Max, it evicts
// the oldest and counts it. Use a [File] for letters that must not be lost.
//
// Set Max before the first use. The methods do not block.
type Memory[T any] struct {
	// Max is how many letters are kept, [DefaultMax] if 0.
	Max int

	mu      sync.Mutex
	letters []Letter[T] // oldest first
	last    uint64
	evicted int64
}

// Put implements [Store].
func (m *Memory[T]) Put(_ context.Context, e *stages.ItemError) error {
	if m.Max < 0 {
		return errors.New("deadletter: Max is negative")
	}
	letters, err := Of[T](e)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range letters {
		m.add(l)
	}
	return nil
}

// add keeps one letter. Guarded by: mu.
func (m *Memory[T]) add(l Letter[T]) {
	most := m.Max
	if most == 0 {
		most = DefaultMax
	}
	if len(m.letters) == most {
		m.letters[0] = Letter[T]{} // frees the value
		m.letters = m.letters[1:]
		m.evicted++
	}
	m.last++
	l.ID = m.last
	m.letters = append(m.letters, l)
}

// Letters implements [Store].
func (m *Memory[T]) Letters(context.Context) iter.Seq2[Letter[T], error] {
	return func(yield func(Letter[T], error) bool) {
		m.mu.Lock()
		letters := slices.Clone(m.letters)
		m.mu.Unlock()
		for _, l := range letters {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// Remove implements [Store].
func (m *Memory[T]) Remove(_ context.Context, id uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = slices.DeleteFunc(m.letters, func(l Letter[T]) bool { return l.ID == id })
	return nil
}

// Len returns how many letters the store has.
func (m *Memory[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.letters)
}

// Evicted returns how many letters were evicted to make room for later ones.
func (m *Memory[T]) Evicted() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.evicted
}

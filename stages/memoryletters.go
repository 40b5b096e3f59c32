package stages

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
)

// DefaultLetters is how many letters [MemoryLetters] keeps where Max is 0.
const DefaultLetters = 1024

// MemoryLetters keeps the last dead letters in memory. Where there are more than
// Max, the oldest goes, and is counted: what must not be lost belongs into
// [FileLetters]. Its methods do not block. Max is set before the first use.
type MemoryLetters[T any] struct {
	// Max is how many letters are kept, [DefaultLetters] where 0.
	Max int

	mu      sync.Mutex
	letters []Letter[T] // oldest first
	last    uint64
	evicted int64
}

// Put implements [LetterStore].
func (m *MemoryLetters[T]) Put(_ context.Context, e *ItemError) error {
	if m.Max < 0 {
		return errors.New("stages: number of letters is negative")
	}
	letters, err := LettersOf[T](e)
	if err != nil {
		return err
	}
	most := m.Max
	if most == 0 {
		most = DefaultLetters
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range letters {
		if m.last++; len(m.letters) == most {
			m.letters[0] = Letter[T]{} // it must not be kept alive
			m.letters = m.letters[1:]
			m.evicted++
		}
		l.ID = m.last
		m.letters = append(m.letters, l)
	}
	return nil
}

// Letters implements [LetterStore].
func (m *MemoryLetters[T]) Letters(context.Context) iter.Seq2[Letter[T], error] {
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

// Remove implements [LetterStore].
func (m *MemoryLetters[T]) Remove(_ context.Context, id uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = slices.DeleteFunc(m.letters, func(l Letter[T]) bool { return l.ID == id })
	return nil
}

// Len returns how many letters there are.
func (m *MemoryLetters[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.letters)
}

// Evicted returns how many letters had to go for others.
func (m *MemoryLetters[T]) Evicted() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.evicted
}

package stages

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Letter is a dead letter: a failed item as it is kept.
type Letter[T any] struct {
	// ID is the letter's number in its store, from 1 upwards.
	ID uint64 `json:"id"`
	// Value is the item: as it was at [Remember] or when it was replayed, else as
	// the failing stage received it.
	Value T `json:"value"`
	// Stage and Cause tell where it failed, and why, as text.
	Stage string `json:"stage"`
	Cause string `json:"cause"`
	// Attempts is how often the stage tried.
	Attempts int `json:"attempts"`
	// Replays is how often the item had been replayed when it failed.
	Replays int `json:"replays,omitempty"`
	// Entered is when the item entered the flow, zero in an untimed run; Failed is
	// when the letter was made.
	Entered time.Time `json:"entered,omitzero"`
	Failed  time.Time `json:"failed"`
}

// LetterStore keeps dead letters: [MemoryLetters], [FileLetters], or one of your
// own. Its methods may be called from any goroutine.
type LetterStore[T any] interface {
	// Put keeps a failed item. It is the function for a [DeadLetter] stage.
	Put(ctx context.Context, e *ItemError) error
	// Letters ranges over the letters that are in the store when the range
	// begins, oldest first.
	Letters(ctx context.Context) iter.Seq2[Letter[T], error]
	// Remove takes a letter out, if it is there.
	Remove(ctx context.Context, id uint64) error
}

// LettersOf makes the letters of a failed item, for stores of your own; they have
// no ID yet. There are several where the item was made of several, such as a
// batch: one for each. It returns an error, and no letter, where one of them is no
// T: then the items were something else when they failed, and [Remember] them
// where they are a T.
func LettersOf[T any](e *ItemError) ([]Letter[T], error) {
	values, ok := valuesOf[T](e.Origin)
	if !ok {
		values, ok = valuesOf[T](e.Value)
	}
	if !ok {
		return nil, fmt.Errorf("stages: a dead letter of %T cannot be made of a %T (remembered: %T)", *new(T), e.Value, e.Origin)
	}
	letters := make([]Letter[T], len(values))
	for i, v := range values {
		letters[i] = Letter[T]{
			Value: v, Stage: e.Stage, Cause: e.Err.Error(), Attempts: e.Attempts,
			Replays: e.replays, Entered: e.Entered.Round(0), Failed: time.Now().Round(0),
		}
	}
	return letters, nil
}

// valuesOf returns what v is or has of T.
func valuesOf[T any](v any) ([]T, bool) {
	switch v := v.(type) {
	case T:
		return []T{v}, true
	case []T:
		return v, len(v) > 0
	case Origins:
		var all []T
		for _, one := range v {
			some, ok := valuesOf[T](one)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, true
	}
	return nil, false
}

package deadletter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/weir-go/weir/stages"
)

// Letter is a failed item as it is kept.
type Letter[T any] struct {
	// ID is the number of the letter in its store, from 1 upwards. A store gives
	// each number once.
	ID uint64 `json:"id"`
	// Value is the item as it was at operator.Remember or when it was replayed. If
	// it was neither remembered nor replayed, Value is what the failing stage
	// received.
	Value T `json:"value"`
	// Stage names the stage that failed, and Cause is its error as text.
	Stage string `json:"stage"`
	Cause string `json:"cause"`
	// Attempts is how often the stage tried.
	Attempts int `json:"attempts"`
	// Replays is how often the item had been replayed when it failed.
	Replays int `json:"replays,omitempty"`
	// Entered is when the item entered the flow. It is zero in an untimed run.
	Entered time.Time `json:"entered,omitzero"`
	// Failed is when the letter was made.
	Failed time.Time `json:"failed"`
}

// Store keeps dead letters: [Memory], [File], or a store of your own. Its methods
// may be called from any goroutine.
type Store[T any] interface {
	// Put keeps a failed item. It is the function for an operator.DeadLetter stage.
	Put(ctx context.Context, e *stages.ItemError) error
	// Letters ranges over the letters that are in the store when the range
	// begins, oldest first.
	Letters(ctx context.Context) iter.Seq2[Letter[T], error]
	// Remove takes a letter out. It does nothing if the letter is not there.
	Remove(ctx context.Context, id uint64) error
}

// Of makes the letters of a failed item. It is for stores of your own, and the
// letters have no ID yet.
//
// An item that was made of several, such as a batch, gives a letter for each of
// them. All have the Replays of the one that was replayed most.
//
// Of returns an error, and no letter,
//   - if one of the values is no T. Then the items had another type when they
//     failed: put an operator.Remember where they are a T;
//   - if the item was inside an aborted flow, or was handed back. It did not fail, and
//     its source gets it back.
func Of[T any](e *stages.ItemError) ([]Letter[T], error) {
	if errors.Is(e.Err, stages.ErrAborted) || errors.Is(e.Err, stages.ErrHandedBack) {
		return nil, fmt.Errorf("deadletter: the item goes back to its source: %w", e.Err)
	}
	values, ok := valuesOf[T](e.Origin)
	if !ok {
		values, ok = valuesOf[T](e.Value)
	}
	if !ok {
		return nil, fmt.Errorf("deadletter: a letter of %T cannot be made of a %T (remembered: %T)", *new(T), e.Value, e.Origin)
	}
	letters := make([]Letter[T], len(values))
	for i, v := range values {
		letters[i] = Letter[T]{
			Value: v, Stage: e.Stage, Cause: e.Err.Error(), Attempts: e.Attempts,
			Replays: e.Replays, Entered: e.Entered.Round(0), Failed: time.Now().Round(0),
		}
	}
	return letters, nil
}

// valuesOf returns the values of T that v is or has.
func valuesOf[T any](v any) ([]T, bool) {
	switch v := v.(type) {
	case T:
		return []T{v}, true
	case []T:
		return v, len(v) > 0
	case stages.Origins:
		var all []T
		for _, one := range v {
			some, ok := valuesOf[T](one)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, len(all) > 0
	}
	return nil, false
}

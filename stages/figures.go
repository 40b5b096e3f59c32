package stages

import "iter"

// Figures is implemented by values that report numbers by name. Snapshots of the primitives
// implement it, and so can what a layer or source of your own reports. A dashboard, a
// collector or a page shows all of them without knowing their types.
//
// A name is in lower snake case and stays what it is. It ends in the unit if it has one
// (_seconds, _bytes), and in _total if the number only grows. Booleans are 0 and 1. A name
// occurs once in a sequence. The number of names is fixed: a key, an error text or a user's
// name is not part of any name.
type Figures interface {
	// Figures ranges over the names and numbers, in an order that stays the same.
	Figures() iter.Seq2[string, float64]
}

// Labels is implemented by values that have texts under names as well, for people to read.
// What a run observes has these:
//
//   - kind is what it is, such as "guard" or "breaker".
//   - name is the name that it was given; missing if it has none.
//   - state is its state in a word, such as "half-open"; missing if it has none.
type Labels interface {
	// Labels ranges over the names and texts, in an order that stays the same.
	Labels() iter.Seq2[string, string]
}

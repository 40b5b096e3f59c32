// Package account counts the items at a node: how many came, and how each of them left. It also
// measures how long they wait, how long the work on them takes, and how old they are at a sink.
//
// A goroutine counts in a [Tally] of its own, and publishes it once a batch to the [Books] of the
// node. Any goroutine may read the books: see [Books.Ledger] and [Books.Effort]. What came is added
// before what left, and read after it, so the balance of a ledger is never negative.
package account

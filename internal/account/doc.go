// Package account counts what becomes of items at a node, and how long they wait, how long the
// work on them takes and how old they are at the end.
//
// A goroutine books into a [Tally] of its own, and publishes it once a batch into the [Books] of
// the node, which anyone may read: see [Books.Ledger] and [Books.Effort]. What came is added before
// what left, and read after it, so the balance of a ledger is never negative.
package account

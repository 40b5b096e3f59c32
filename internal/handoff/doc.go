// Package handoff moves items from one goroutine to the next: an edge has a sender at one end and a
// receiver at the other. It knows no node and no run. It calls back at one place only: a sender may
// do the work of an idle receiver by a call of the receiver's [Step]. Read the files in this order:
//
//	column.go batch.go  values in typed columns, and what belongs to items beside them
//	edge.go             the state of an edge, its memory, and its figures
//	sender.go           room, publishing, waking or visiting the receiver
//	receiver.go         looking for items, parking, consuming
//
// # Who owns what
//
// An edge has a sender's half and a receiver's half. Each half belongs to the goroutine that does
// the work of the node at that end. A node has one goroutine of its own, and at most one other
// goroutine works in its place at a time. Edge.state says which goroutine does the receiver's work:
//
//	busy     the receiver's goroutine works, or is about to
//	hungry   no goroutine works: the receiver's is parked, the edge was empty
//	visited  the sender does the receiver's work by a function call
//	owed     as visited, and the receiver's goroutine waits for the visit to end
//
// A receiver that finds its edge empty stores hungry, looks once more, and parks. A sender that
// finds hungry has two choices:
//
//   - It wakes the receiver: it changes hungry to busy and sends a token.
//   - If the receiver is known to be cheap, it visits: it changes hungry to visited, does the work,
//     and changes visited back to hungry.
//
// A visitor never waits, and never runs with user code further up its stack. If it leaves items
// behind, it stores busy and sends the token.
//
// # Memory order
//
// Only atomics order the two halves, and all atomics of Go are sequentially consistent. Two pairs
// of operations must not miss each other.
//
// Items and sleep: the sender stores Batch.filled (or Batch.next, or Edge.closed), and then loads
// Edge.state. The receiver stores state = hungry, and then loads filled, next and closed. All these
// operations have one order. There are two cases, and both may hold:
//
//   - The sender's store comes before the receiver's load. Then the receiver sees the items and
//     takes its work back.
//   - The receiver's store of hungry comes before the sender's load. Then the sender sees hungry
//     and wakes or visits the receiver.
//
// If both hold, both try to change hungry by a compare-and-swap, and one of them succeeds. Either
// the receiver continues, or the sender does the work or sends a token.
//
// Room and sleep: a sender that finds the edge full stores Edge.want, and then loads Edge.done. The
// receiver stores done, and then loads want. At least one of them sees the other's store. The one
// that clears want by a compare-and-swap decides: the receiver sends a token, or the sender does
// not wait.
//
// Each token (wake, room) belongs to one such change, and its goroutine receives it exactly once.
// So there are no stray tokens, and a goroutine that has received a token owns its half again.
//
// The test in order_test.go checks all interleavings of a sender and a receiver, as a model.
//
// The sender writes a value before it stores filled, and the receiver reads it after it has loaded
// filled. The sender uses a batch again only after the receiver has gone on to a later one; a mutex
// orders the two. A visitor, which has both halves, also empties the only batch in place. Positions
// count all items of an edge and never go back. So a late look at a reused batch sees a position
// that is too large, never one that is too small.
package handoff

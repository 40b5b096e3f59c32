// Package handoff is how items get from one goroutine to the next: an edge with a sender at one
// end and a receiver at the other. It knows no node and no run. It calls back at one place: a
// sender may do the work of an idle receiver by a call of the receiver's [Step]. Read the files in
// this order:
//
//	column.go batch.go  values in typed columns, and what belongs to items beside them
//	edge.go             the state of an edge, its memory, and how it looks from outside
//	sender.go           room, publishing, waking or visiting the receiver
//	receiver.go         looking, parking, finishing
//
// # Who owns what
//
// An edge has a sender's half and a receiver's half. Each half belongs to the goroutine that
// does the work of the node at that end: the node has one goroutine, and at most one other
// goroutine works in its place at a time. The word Edge.state says which:
//
//	busy     the receiver's goroutine works, or is about to
//	hungry   no goroutine works: the receiver's is parked, the edge was empty
//	visited  the sender does the receiver's work by a function call
//	owed     as visited, and the receiver's goroutine waits for the visit to end
//
// A receiver that finds its edge empty stores hungry, looks once more, and parks. A sender that
// finds hungry either wakes the receiver (hungry to busy, and a token), or, if the receiver is
// known to be cheap, takes its work (hungry to visited), does it, and gives it back (visited to
// hungry). A visitor never waits, and never runs with user code further up its stack. If it
// leaves items behind it stores busy and sends the token.
//
// # Memory order
//
// Nothing but atomics orders the two halves, and all atomics of Go are sequentially consistent.
// Two pairs must not miss each other.
//
// Items and sleep. The sender stores Batch.filled (or Batch.next, or Edge.closed), and then loads
// Edge.state. The receiver stores state = hungry, and then loads filled, next and closed. In the
// one order of all these operations either the sender's store comes before the receiver's load,
// so the receiver sees the items and takes its work back; or the receiver's store of hungry comes
// before the sender's load, so the sender sees hungry and wakes it. If both happen, both try to
// change hungry by a compare-and-swap, and one of them succeeds: either the receiver goes on, or
// a token comes.
//
// Room and sleep. A sender that finds the edge full stores Edge.want, and then loads Edge.done.
// The receiver stores done, and then loads want. One of them sees the other; the token belongs to
// whichever of them clears want by a compare-and-swap.
//
// Each token (wake, room) belongs to one such change, and the goroutine that it is for receives
// it exactly once. So a token never means more than it says, and a goroutine that has received
// one owns its half again.
//
// The test of the file order_test.go goes through all interleavings of a sender and a receiver, as a
// model.
//
// A value is written before filled is stored, and read after filled was loaded. A batch is used
// again by the sender only after the receiver has followed next to a later one, through a mutex.
// Positions count all items of an edge and never go back, so a look at a batch that is in use
// again shows a position that is too large, never one that is too small.
package handoff

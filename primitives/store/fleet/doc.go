// Package fleet lets the processes of one service share what their primitives know,
// through a [store.Store]. A [Breaker] opens in all processes when enough of them see that
// something is down. A [Dedup] does a piece of work in one process for all. A [Limiter]
// divides a rate between them.
//
// # What is shared
//
// Transitions and leases are shared, never counters or locks. Each process, a node,
// counts for itself. A node whose breaker opens tells the others so, once. A call that
// succeeds tells nothing. So a healthy fleet asks the store for news at intervals and
// writes nothing, and no call of a breaker ever waits for the store.
//
// The rate of a [Limiter] is cut into shares, each a lease. A node renews its shares three
// times in a term. Nodes that join get theirs within two thirds of a term.
//
// # When the store is down
//
// Each node goes on by itself, as if it were alone: neither open for all nor closed for
// all. What the fleet had decided before holds until its own time is over. There is one
// [Event] when the store is given up, and one when it is back and its news are known.
// While the store is down it is asked at intervals, never by every caller.
//
// A [Limiter] is the exception: a node cannot know that its shares are still its own when
// their term is over. It admits nothing then, until the store is back.
//
// # When the store loses its data
//
// A good store uses no revision twice, see [store], and then a loss costs a fleet only the
// votes and results that were lost. If the revisions of the store begin again, the nodes
// would take all its entries for old ones. Each node notices that at its next question
// after the next write, because the entry has a lower revision than the known one and is
// younger. The node raises the [Event] [Wiped], takes over the state of the store, and
// writes its own vote again. A [Limiter] can exceed its rate for up to a third of a term,
// until each node has noticed that its leases are lost.
//
// # Vocabulary
//
//   - A node is one process, or one breaker or dedup of it.
//   - A vote says that a node has found the service down, and for how long it will not
//     try again. It ends by itself, or is withdrawn.
//   - A quorum is the number of votes that open the breakers of all nodes.
//   - A verdict is the result of the one probe of [ProbeOnce]. An epoch lasts from one
//     verdict to the next. A verdict makes all votes of earlier epochs void.
//   - A claim says that a node is doing the work for a key.
//
// # Time and trust
//
// Only durations cross the wire, see [store]: the clocks of the nodes may be wrong by
// hours. Every value has its version and a checksum; a value that cannot be read is
// ignored and counted. Answers may be old or out of order: of two entries of a key the
// one with the higher revision counts, and decisions are made by compare-and-set.
package fleet

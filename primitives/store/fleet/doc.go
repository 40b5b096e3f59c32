// Package fleet lets the processes of one service share what their primitives
// know, through a [store.Store]: a [Breaker] opens in all of them when enough of
// them see that something is down, and a [Dedup] does a piece of work in one of
// them.
//
// # What is shared
//
// Transitions and leases, never counters and never locks. Each process, a node,
// counts for itself. A node whose breaker opens tells the others so, once; a
// call that succeeds tells nobody anything. So a healthy fleet asks the store for
// news every so often and writes nothing, and no call of a breaker ever waits
// for the store.
//
// # When the store is down
//
// Each node goes on by itself, as if it were alone: neither open for all nor
// closed for all. What the fleet had decided before holds until its own time is
// over. There is one [Event] when the store is given up, and one when it is back
// and caught up with. While it is down it is asked once in a while, never by
// every caller.
//
// # Vocabulary
//
//   - A node is one process, or one breaker or dedup of it.
//   - A vote is a node's word that the service is down, and for how long it will
//     not try again. It ends by itself, or is withdrawn.
//   - A quorum is how many votes it takes to open the breakers of all.
//   - An epoch lasts from one verdict to the next; a verdict is the result of the
//     one probe of [ProbeOnce]. It makes all votes of earlier epochs void.
//   - A claim is a node's word that it is doing the work for a key.
//
// # Time and trust
//
// Only durations cross the wire, see [store]: the clocks of the nodes may be
// wrong by hours. Every value carries its version and a checksum; one that
// cannot be read is ignored and counted. Answers may be old or out of order: of
// two entries of a key the one with the higher revision counts, and whoever
// decides does so with a compare-and-set.
package fleet

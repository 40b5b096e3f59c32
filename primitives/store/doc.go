// Package store is the small interface through which processes share state, and one
// implementation of it in memory.
//
// Primitives share transitions and leases: small values that change rarely. They share
// no counters and no locks. So a [Store] is three calls, which a map, a Redis script or
// a NATS bucket can provide. [Watcher] is a fourth, for stores that can push. What is
// built from these calls is built here, once: see [Acquire]. The package storetest
// checks an implementation.
//
// # Vocabulary
//
//   - An entry is a key, its value, its revision and its age. A value is bytes that the
//     store does not look into; its user puts a version into it.
//   - Each write gives an entry a revision. The revisions of a key only grow. None is
//     used twice, not even after the entry is gone, so that a revision tells exactly one
//     write. 0 stands for no entry.
//   - The ttl of an entry is how long it stays after its last write. Every entry has one,
//     so that a process that dies leaves nothing behind.
//   - A folder is the part of a key up to and including a slash. See [Key].
//   - A lease is an entry that names the owner of a right, and for how long it is held.
//
// # A store that loses its data
//
// A server is flushed, restarts without its disk, or fails over to an empty replica. If
// its counter of revisions then begins at 1 again, revisions are used twice. The holder
// of a lost lease renews the lease of its successor, and readers take new entries for
// old ones. So a store that can lose its data seeds its counter by its own clock. Each
// write takes the higher of two numbers: the counter plus one, and the microseconds
// since 1970. In a Redis script the clock is TIME; in NATS the stream is kept in files.
// The option Wiped of storetest checks this.
//
// # Time
//
// Only durations cross the wire, never a point in time. A writer says how long something
// holds, the store says how long ago that was written, and the reader counts on from
// there by its own monotonic clock. So the clocks of the processes may be wrong.
//
// # What can be relied on
//
// Only on a [Store.CompareAndSet] that succeeded. What Load, List and Watch tell may be
// old, because stores have replicas. It is a hint about the revision to try. A revision
// lower than one seen before is older news. A CompareAndSet that failed with any error
// but [ErrConflict] may or may not have written.
package store

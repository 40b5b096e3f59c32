// Package store is the small interface through which processes share state, and
// one implementation of it in memory.
//
// What primitives share is not counters and not locks, but transitions and
// leases: small values that change rarely. So a [Store] is three calls, which a
// map, a Redis script or a NATS bucket can all provide; [Watcher] is a fourth
// for those that can push. What is built from them is built here, once: see
// [Acquire]. The package storetest checks an implementation.
//
// # Vocabulary
//
//   - An entry is a key, its value, its revision and its age. A value is bytes
//     that the store does not look into; its user puts a version into it.
//   - A revision is given to an entry by each write. Those of a key only grow,
//     and none is used twice, not even after the entry is gone: who holds one
//     knows exactly which write it was. 0 stands for no entry.
//   - The ttl of an entry is how long it stays after its last write. There is no
//     entry without one: whoever dies leaves nothing behind.
//   - A folder is the part of a key up to and with a slash. See [Key].
//   - A lease is an entry that says who may do something, and for how long.
//
// # Time
//
// No point in time crosses the wire, only durations: a writer says how long
// something holds, the store says how long ago that was written, and the reader
// counts on from there by its own monotonic clock. So it does not matter how
// wrong anybody's clock is.
//
// # What can be relied on
//
// Only a [Store.CompareAndSet] that succeeded. What Load, List and Watch tell
// may be old, for stores have replicas: it is a hint about which revision to
// try, and a revision lower than one already seen is news of yesterday. A
// CompareAndSet that failed with anything but [ErrConflict] may or may not have
// written.
package store

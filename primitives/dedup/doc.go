// Package dedup shares work between those who ask for the same thing at the same
// time, and keeps the result for those who ask a little later.
//
// A [Dedup] has one run of a function per key. [Dedup.Do] is the whole of it for
// calls. [Dedup.Check], [Dedup.Join], [Dedup.Complete] and [Dedup.Fail] are the
// same in steps that never wait, for those who own the call themselves, such as
// a stream that has no goroutine to spare for each item.
//
// # Vocabulary
//
//   - A key is in flight from the moment somebody owns it until the owner ends
//     it. A flight does not expire.
//   - The owner, or leader, is who came first; followers are those who came
//     while the key was in flight. A [Token] is ownership, and ends with its
//     first use.
//   - A result is kept from its completion until it is as old as its ttl. At an
//     age of exactly the ttl it is gone, for every method. Errors are not kept,
//     unless [ErrorTTL] says so; then they are served as a [*KeptError], which says
//     when to try again.
//   - A value is due for renewal when it is stale, see [ServeStale], or soon will be,
//     see [Early]. One caller renews it; all others are served what is kept.
//   - To evict is to remove a result before its time, to make room: first kept,
//     first removed.
//   - To forget a key is to drop what is kept and to part the key from its flight:
//     the run goes on for those who wait for it, but keeps nothing, and the next
//     caller is the first.
//
// # Who is cancelled by whom
//
// A follower that gives up returns at once and harms nobody. A leader that gives
// up harms nobody either: its function goes on, in the leader's goroutine, as
// long as anybody waits. The function's context ends when nobody does. The
// other way, to let the leader go and start again in the goroutine of a follower,
// would free the leader sooner and do the work twice.
//
// A renewal has no goroutine of its own either: the caller that finds a value due
// leads it and waits for it. So nothing needs to be closed, nothing outlives those
// who wait, and the function runs with the context of somebody who is there. The
// price is that one caller in each ttl waits, where others do not. One that would
// rather not asks by [Dedup.Check], which hands him both the value and the renewal, to
// be done in a goroutine of his own.
//
// # Dropping what comes twice
//
// A [Set] remembers keys only: [Set.Seen] is for a stream that drops what it has
// seen before.
//
// # Keys
//
// Keys are compared, never printed: two keys are the same if == says so. A key
// that is not equal to itself (it holds a NaN) is always new and its result is
// not kept. A key that cannot be hashed (an interface that holds a slice, say)
// is refused: see [ErrKey] and [Invalid].
//
// # Cost
//
// Keys are divided between shards, a lock each, at least 16 and 4 per processor;
// a small cap on the results makes do with fewer, and a weight with one. A key is
// hashed once, with a seed of the deduplicator's own. It takes 32 bytes beside itself
// and its value, and the index 8 to 16. Expired results are removed in
// passing, a constant number for each result kept; there is no goroutine. All
// times are monotonic.
package dedup

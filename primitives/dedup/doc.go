// Package dedup shares work between callers that ask for the same thing at the same
// time, and keeps the result for callers that ask a little later.
//
// A [Dedup] has one run of a function per key. [Dedup.Do] is all that calls need.
// [Dedup.Check], [Dedup.Join], [Dedup.Complete] and [Dedup.Fail] are the same in steps
// that never wait. They are for code that owns the call itself, such as a stream that
// has no goroutine to spare for each item.
//
// # Vocabulary
//
//   - A key is in flight from the moment a caller owns it until the owner ends it. A
//     flight does not expire.
//   - The owner, or leader, is the first caller of a key. Followers are the callers
//     that come while the key is in flight. A [Token] is ownership, and ends with its
//     first use.
//   - A result is kept from its completion until it is as old as its ttl. At an age of
//     exactly the ttl it is gone, for every method. Errors are kept only if [ErrorTTL]
//     says so. Then they are served as a [*KeptError], which tells when to try again.
//   - A value is due for renewal when it is stale, see [ServeStale], or soon will be,
//     see [Early]. One caller renews it; all others are served what is kept.
//   - To evict is to remove a result before its time, to make room. The result that was
//     kept first is removed first.
//   - To forget a key is to drop what is kept and to part the key from its flight. The
//     run continues for its present callers and keeps nothing. The next caller of the
//     key is the first.
//
// # Cancellation
//
// A follower that gives up returns at once and harms no other caller. Nor does a leader
// that gives up: its function goes on, in the leader's goroutine, while another caller
// waits. The function's context ends when the last caller has left, by the deadline of
// that caller or by its cancellation. The rejected way was to let the leader go and
// start again in the goroutine of a follower. That would free the leader sooner and do
// the work twice.
//
// A renewal has no goroutine of its own either: the caller that finds a value due leads
// the renewal and waits for it. So nothing needs to be closed, no goroutine outlives its
// callers, and the function runs with the context of a caller that is present. The cost
// is that one caller in each ttl waits and the others do not. [Dedup.Check] is for a
// caller that must not wait. It hands out both the value and the renewal, which the
// caller can do in a goroutine of its own.
//
// # Dropping what comes twice
//
// A [Set] remembers keys only: [Set.Seen] is for a stream that drops the items it has
// seen before.
//
// # Keys
//
// Keys are compared, never printed: two keys are the same if == says so. Two kinds of
// keys are refused (see [ErrKey] and [Invalid]):
//   - a key that cannot be hashed, such as an interface that holds a slice;
//   - a key that is not equal to itself, because it holds a NaN.
//
// Such a key fails its own call and leaves nothing behind.
//
// # Panics of user code
//
// No lock is held while a function, a hook, a classifier or a follower runs. If one of
// them panics or calls runtime.Goexit, the flights that it was called for end first, and
// all followers are told. Then the panic or the Goexit propagates in the caller.
//
// # Cost
//
// Keys are divided between shards with a lock each: at least 16, and 4 per processor. A
// small cap on the results gives fewer shards, and a cap on the weight gives one. A key
// is hashed once, with a seed of the deduplicator's own. It takes 32 bytes beside itself
// and its value, and 8 to 16 in the index. There is no goroutine: each result that is
// kept removes up to a constant number of expired results. All times are monotonic.
//
// # Reading
//
// From the top: dedup.go (calls), check.go and batch.go (steps), find.go and age.go
// (what is kept, and for how long), seen.go (sets). Below them: shard.go, flight.go and
// tell.go (flights and their followers), context.go with expiry.go and seats.go (the
// context of a run), table.go (the index).
package dedup

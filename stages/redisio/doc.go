// Package redisio connects flows to Redis, with go-redis.
//
//   - [Stream] is a stream with a consumer group. Members take entries by a lease, and acknowledge
//     them in batches. [Stream.Source] is its source.
//   - [Append] writes batches of entries, with a bound.
//   - [Store] is state that processes share, for breakers, deduplicators and limiters.
//
// The caller owns the client. The README of the package tells the guarantees, the knobs, and what
// happens at a crash. Redis 6.2 or newer is needed.
//
// Read the files in this order: stream.go, scripts.go, claim.go, source.go, intake.go, dead.go,
// append.go, store.go, watch.go, errors.go.
package redisio

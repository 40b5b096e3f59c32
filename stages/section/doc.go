// Package section has sections. A section is a call with layers around it, and one stage of a
// flow.
//
//	in --> [guard] --> [dedup] --> [breaker] --> [retry] --> f (workers)
//	out <--[guard] <-- [dedup] <-- [breaker] <-- [retry] <--/
//
// Requests go down through the layers, and responses come back up. A layer never blocks. What
// waits in a layer (for a permit, for the rate, for the answer of another item, for its next
// try) holds neither a worker nor a goroutine.
//
// The layers are [Guard], [Dedup], [Breaker], [Retry], [RateLimit] and [Timeout], one in each
// file, and your own layers: [Custom].
package section

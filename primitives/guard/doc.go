// Package guard bounds how many calls are in flight at once.
//
// A [Guard] hands out at most its capacity of permits. A caller that finds none
// left waits its turn ([Guard.Acquire]), is turned away at once
// ([Guard.TryAcquire]), or leaves both to the policy ([Guard.Do]).
//
// # Vocabulary
//
//   - A permit is the right to be in flight. It ends when it is released, and
//     it is released at most once, however often and from wherever that is
//     tried: see [Permit.Release].
//   - Depth is the number of permits in use, capacity the most there can be.
//   - To shed a call is to turn it away because the guard is full.
//   - The soft limit is a depth below the capacity. Reaching it turns nobody
//     away; it calls a hook, once on the way up and once on the way back down:
//     see [SoftLimit].
//
// # Fairness
//
// Waiters are served first come, first served. A freed slot goes straight to
// the waiter at the head of the queue, so no newcomer, also no TryAcquire, can
// take it on the way. The price is the price of every fair queue: a slot is
// idle for as long as its new owner takes to wake up.
//
// # There is no Reset
//
// Setting the depth of a guard back to zero is a cure for counts that have
// drifted. Here they cannot: a permit that is released twice, late, or from a
// copy changes nothing, and Do releases also when the function panics. What a
// reset would still do is forget permits whose owners are at work, and then
// either more calls than the capacity are in flight or the reset has to wait
// for them, which is what the guard does anyway. To begin again from zero, make
// a new guard from the same [Policy]; the permits of the old one cannot touch it.
package guard

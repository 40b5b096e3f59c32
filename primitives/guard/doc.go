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
//   - A unit is what the capacity is counted in. A permit is for one, or for as many
//     as the call's [Weight].
//
// # Fairness
//
// Waiters are served first come, first served, unless the policy gives another
// [Order] or lets a [Priority] count. A freed unit goes straight to the waiter
// whose turn it is, so no newcomer, also no TryAcquire, can take it on the way.
// The price is the price of every fair queue: a unit is idle for as long as its
// new owner takes to wake up.
//
// # Overload
//
// A queue helps against bursts, and only adds to the delay under a load that
// cannot be met. [MaxQueue] bounds it, [CoDel] sheds from it when it stands,
// [Deadlines] refuses who would wait in vain, and [Shedding] does without it.
// Shed calls end with a [*ShedError], which to a breaker or a retry around the
// guard is no failure of the service.
//
// # Capacity
//
// It is fixed, is set by [Guard.Resize], or is found by an [Adaptive] guard. A
// guard that neither adapts, nor looks at deadlines, nor has a soft limit takes a
// free permit and gives it back without a lock, by one compare-and-swap each, as long
// as at most 64 are in use; callers on different processors are in each other's way
// only where little is free.
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

// Package guard bounds how many calls are in flight at once.
//
// A [Guard] hands out permits, at most as many as its capacity. If no permit is left,
// the caller decides what happens: [Guard.Acquire] waits, [Guard.TryAcquire] returns an
// error at once, and [Guard.Enlist] calls a function later. [Guard.Do] does what the
// policy says. A [Registry] keeps a guard for each key.
//
// # Vocabulary
//
//   - A permit is the right to be in flight. It ends when it is released. Releasing it
//     again changes nothing: see [Permit.Release].
//   - A unit is what the capacity counts. A permit holds one unit, or as many as the
//     [Weight] of its call.
//   - The depth is the number of units in use. The capacity is the most that may be in
//     use.
//   - To shed a call is to refuse it because the guard is full.
//   - The soft limit is a depth below the capacity. At the soft limit the guard still
//     admits calls, and calls a hook: see [SoftLimit].
//
// # Fairness
//
// Waiters are served first come, first served, unless the policy sets another [Order]
// or a [HeadStart] between levels of [Priority]. A freed unit goes to the next waiter at once.
// No later call can take it, not even TryAcquire. Every fair queue has this price: the
// unit is idle until its waiter has woken up.
//
// # Overload
//
// A queue absorbs bursts. Under a load that stays too high it only adds delay. [MaxQueue]
// bounds the queue, [CoDel] sheds waiters from a queue that stays long, [Deadlines] refuses
// calls that would wait in vain, and [Shedding] does without a queue. Shed calls end with a
// [*ShedError]. A breaker or a retry around the guard does not count this error as a failure
// of the service.
//
// # Capacity
//
// The capacity is fixed, or set by [Guard.Resize], or found by an [Adaptive] guard.
//
// A free permit is taken by one compare-and-swap, and given back by another, without a
// lock. This holds for guards without [Adaptive], [Deadlines] and [SoftLimit], while at
// most 64 permits are in use. Callers on different processors disturb each other only
// if few permits are free.
//
// # No reset
//
// A reset of the depth to zero repairs counts that have drifted. The counts of a guard
// cannot drift: to release a permit twice, late, or from a copy changes nothing, and Do
// releases when the function panics. A reset would only forget the permits of calls
// that still run. To begin again, make a new guard from the same [Policy]. Permits of
// the old guard do not affect it.
package guard

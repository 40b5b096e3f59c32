// Package limiter bounds how many calls begin in a time, or how much they cost.
//
// A [Limiter] admits units. A call takes one, or as many as it costs: tokens of a
// prompt, bytes, rows. The caller decides what happens to a call that comes too early.
// [Limiter.Wait] waits, [Limiter.Try] returns an error that says when to come again,
// and [Limiter.Enlist] calls a function later. [Limiter.Do] waits, calls a function and
// records how it ended. A [Registry] keeps a limiter for each key.
//
// # Vocabulary
//
//   - The rate is how many units are admitted in a second, in the long run.
//   - The burst is how many units may be admitted at once after a quiet time. In any
//     time d, at most burst + rate × d units are admitted.
//   - The cost of a call is how many units it takes. A cost above the burst can never
//     be met, and is refused at once.
//   - A penalty is a pause for all callers, because the service has asked one of them
//     to stay away, for example by a 429 with Retry-After.
//
// # Algorithm
//
// The algorithm is the leaky bucket as a meter, which ITU-T I.371 (1996) calls the
// generic cell rate algorithm. Each unit raises a debt by its price, which is the time
// between two units. Time pays the debt back. A call is admitted if the debt stays at
// most that of a whole burst. Price and debt are integers, in up to a 2^20th of a
// nanosecond. So nothing drifts, and no waiter wakes up a little too early to wait
// again.
//
// # Fairness
//
// Waiters are served first come, first served, whatever they cost. No later call
// overtakes them, not even [Limiter.Try]. Waiters own no time slots: only the first in
// line waits for the clock. So a waiter that gives up delays no other, and a penalty or
// a new rate holds for all waiters.
//
// # Shared back-off
//
// If each of many callers waits out its own 429, each has to find out for itself, and
// all come back at once. [Limiter.Penalize] makes all of them wait, and takes the burst
// away: after the pause there is at most one unit, and the next ones come at the rate.
// A pause pays back no debt. If the next unit is due in 1 s when a pause of 3 s begins,
// it comes after 4 s. So an overloaded service gets no burst after the pause. An
// [Adaptive] limiter also lowers its rate.
package limiter

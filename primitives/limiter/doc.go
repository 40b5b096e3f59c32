// Package limiter bounds how many calls begin in a time, or how much they cost.
//
// A [Limiter] admits units: a call takes one, or as many as it costs (tokens of a
// prompt, bytes, rows). A caller that comes too early waits his turn
// ([Limiter.Wait]) or is turned away with the time after which to come again
// ([Limiter.Try]). [Limiter.Do] puts both ends of a call together.
//
// # Vocabulary
//
//   - The rate is how many units are admitted in a second, in the long run.
//   - The burst is how many may be admitted at once after a quiet time. In any
//     time d, at most burst + rate x d units are admitted.
//   - The cost of a call is how many units it takes. One above the burst can
//     never be met and is refused at once.
//   - A penalty is a pause for all callers, because the service asked one of them
//     to stay away, as with a 429 and Retry-After.
//
// # Algorithm
//
// It is the leaky bucket as a meter, which ITU-T I.371 (1996) calls the generic
// cell rate algorithm: a debt that each unit raises by its price, the time
// between two units, and that time pays back. A call is admitted if the debt does
// not become more than that of a whole burst. Price and debt are integers in up
// to a 2^20th of a nanosecond, so nothing drifts, and no waiter wakes up a bit
// too early and has to wait once more.
//
// # Fairness
//
// Waiters are served first come, first served, whatever they cost, and nobody who
// comes later gets in between, also not by [Limiter.Try]. Nobody owns a time
// slot: only the first in line waits for the clock. So whoever gives up leaves
// nothing behind that those after him have to sit out, and a penalty, or a new
// rate, holds for those who wait, too.
//
// # Back-off that is shared
//
// Where many callers each wait out their own 429, each of them has to find out
// for itself, and they come back all at once. [Limiter.Penalize] makes all wait,
// and takes the burst away: when the pause is over one unit is there, and the
// next come at the rate. [Adaptive] lowers the rate besides.
package limiter

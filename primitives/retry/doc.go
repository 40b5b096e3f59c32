// Package retry tries again what failed for a passing reason.
//
// A [Policy] says how often and how long to wait in between. A [Retrier] made
// from it either runs a function, [Retrier.Do], or only decides,
// [Retrier.Next], for callers that keep their own queue of what waits, such as
// a stream: there a waiting item holds no goroutine.
//
// # What is tried again
//
// The outcome of a try (see [github.com/weir-go/weir/primitives/outcome])
// decides:
//
//   - a success ends the call;
//   - a failure is tried again after the delay of the policy;
//   - a throttled call is tried again after the delay that the service told,
//     see below;
//   - a permanent error ends the call at once;
//   - an ignored one ends the call at once too: it was cancelled by the caller,
//     or was rejected (by an open breaker, a full guard) before it reached the
//     service. With [RetryRejected], a rejection that says when to come back is
//     waited out instead, and costs no attempt.
//
// A panic of the function is not an error and is not tried again.
//
// # Delays
//
// They are [Exponential], doubling or by another [Factor], [Constant], or from a [Custom] function. The delay
// before jitter is [Policy.Delay]: never negative, never above the cap of the
// policy (60 s unless [Cap] says otherwise), no overflow. Jitter is drawn
// downwards from it, so the cap holds and clients that have reached the cap are
// still spread out; jitter added and then cut off at the cap would have them
// all come at the same time.
//
// A delay told by the service takes the place of the computed one. It is never
// shortened; jitter lengthens it by up to what it would take from the computed
// delay, and at most doubles it, so that clients told the same instant do not
// come back in the same instant. The cap does not apply to it. It has a limit of
// its own, five minutes or the cap, whichever is longer, but never more than
// [MaxElapsed]: a service that asks for more makes the call end at once
// ([Postponed]) instead of waiting for nothing.
//
// # Giving up
//
// A retrier does not begin a wait that the deadline of the context would cut
// short, nor one that leads beyond [MaxElapsed]: it gives up at once, with the
// last error. [Limit] ends the attempts for some errors earlier. All errors that
// a retrier returns are an [*Error], through which errors.Is and errors.As see
// the last error of the function, and the context's where that ended the call.
//
// A [Budget] looks at the calls together: it bounds retries to a share of all
// calls, so that a service that fails most of them is not sent a multiple of what
// it could not serve in the first place.
//
// # Hedges
//
// [Hedge] is for calls that hang rather than fail: when there is no answer for a
// while, another copy is sent, and the first answer counts. What is slow is
// hedged, what failed is tried again after its delay.
//
// # Retries within retries
//
// Attempts do not multiply. Where calls with retries of their own are retried
// from outside, the innermost retrier does it, being next to what fails: it
// repeats the least work and knows best what the error means. A retrier around
// it that gets an [*Error] for which retries were made gives up with [Nested],
// whatever attempts it has left, so three layers of three attempts make three
// calls and not 27. This needs nothing from the context, so it holds across
// goroutines and stages, and costs nothing until a call has failed. A permanent
// error that an inner retrier did not try again, and a rejection, are treated as
// if there were no inner retrier. [RetryNested] turns the rule off, for calls
// whose inner retries are about something else.
//
// "Addressing Cascading Failures" in Site Reliability Engineering (Google, 2016)
// gives the reasons for retrying at one level only, the one directly above what
// fails.
package retry

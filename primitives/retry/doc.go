// Package retry tries again what failed for a passing reason.
//
// A [Policy] says how often to try and how long to wait in between. A [Retrier] made from
// it either runs a function, [Retrier.Do], or only decides, [Retrier.Next]. Next is for
// callers with a queue of their own, such as a stream, in which a waiting item holds no
// goroutine. [Retrier.Run] is Do for a function that returns only an error.
//
// [New] returns an error if the policy is invalid. [Of] is for a policy that is written in
// the program: if it is invalid, each call fails.
//
// # What is tried again
//
// The outcome of a try (see [github.com/weir-go/weir/primitives/outcome]) decides:
//
//   - a success ends the call;
//   - a failure is tried again after the delay of the policy. So is a deadline that passed
//     inside the try, if the context of the call has not ended;
//   - a throttled call is tried again after the delay that the service asks for, see
//     below;
//   - a permanent error ends the call at once;
//   - an ignored error also ends the call at once. Either the caller has cancelled the
//     call, or an open breaker or a full guard has rejected it before it reached the
//     service. With [RetryRejected], a rejection that says when to come back is waited out
//     instead, and costs no attempt.
//
// A panic of the function is not an error and is not tried again.
//
// # Delays
//
// A policy is [Exponential], doubling or by another [Factor]; [Constant]; or [Custom], by a
// function. [Policy.Delay] is the delay before jitter. It is never negative and never above
// the cap of the policy (60 s unless [Cap] says otherwise), and it does not overflow.
// Jitter is drawn downwards from it. So the cap holds, and clients that have reached the
// cap are still spread. The rejected way, jitter that is added and then cut off at the cap,
// has all of them come at the same time.
//
// A delay that the service asks for takes the place of the computed one. It is never
// shortened. Jitter lengthens it by up to what it would take from the computed delay, and
// at most doubles it. So clients that were told the same delay do not come back at the same
// instant. The cap does not apply. The delay has a limit of its own: five minutes or the
// cap, whichever is longer, and never more than [MaxElapsed]. If a service asks for more,
// the call ends at once with the reason [Postponed].
//
// # Giving up
//
// A retrier does not begin a wait that the deadline of the context would cut short, or
// one that leads beyond [MaxElapsed]. It gives up at once, with the last error. [Limit]
// ends the attempts earlier for some errors. All errors of a retrier are an [*Error].
// errors.Is and errors.As find in it the last error of the function, and the error of the
// context if that ended the call. If a rejection ended the call, such as one of a breaker
// that the attempts have opened, they also find the error of the last attempt.
//
// [OnRetry] hooks see each retry before its wait.
//
// A [Budget] looks at all calls together. It bounds retries to a share of the calls, so a
// service that fails most of them does not get a multiple of that load.
//
// # Hedges
//
// [Hedge] is for calls that hang and do not fail: if there is no answer for a while,
// another copy is sent, and the first answer counts. A slow try is hedged. A failed try is
// tried again after its delay.
//
// # Retries within retries
//
// Attempts do not multiply. If calls with retries of their own are retried from outside,
// the innermost retrier does it. It repeats the least work, and knows best what the error
// means. A retrier around it that gets an [*Error] for which retries were made gives up
// with [Nested], whatever attempts it has left. So three layers of three attempts make
// three calls and not 27. The rule needs nothing from the context: it holds across
// goroutines and stages, and costs nothing until a call has failed.
//
// A permanent error that an inner retrier did not try again, and a rejection, are treated
// as if there were no inner retrier. [RetryNested] turns the rule off, for calls whose
// inner retries have another purpose.
//
// "Addressing Cascading Failures" in Site Reliability Engineering (Google, 2016) gives the
// reasons for retries at one level only, the one directly above what fails.
package retry

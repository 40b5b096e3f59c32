// Package outcome says what the end of a call means to the policies around it.
//
// A circuit breaker, a retry, a deduplicator and a guard all look at the same
// error and must not contradict each other. A rejection by a breaker is not a
// failed attempt. A caller that cancels its own call says nothing about the
// service. A "429, come back in 2 s" is neither a plain failure nor a reason to
// give up. So the packages share one [Outcome], chosen by one [Classifier];
// [Classify] is the default.
//
// # Errors with a meaning
//
// An error has a meaning of its own in one of two ways:
//
//   - the function that makes the call wraps the error with [AsPermanent],
//     [AsThrottled] or [AsIgnored];
//   - the type of the error has a method Outcome() [Outcome], as the rejections
//     of the other packages do.
//
// # Deadlines and cancelled calls
//
//   - A deadline that passes inside a call is a failure of the service. It does
//     not matter whether the caller, the function or a layer set the deadline: the
//     service had that time and did not answer.
//   - A call that its caller cancelled says nothing. Many libraries turn the
//     cancellation into an error of their own, such as a gRPC status. So every
//     error without a meaning is ignored while the context is cancelled.
//   - A call that was not begun says nothing. The primitives return
//     errors with that meaning; a function that gives up before it reaches the
//     service uses [AsIgnored].
package outcome

// Package outcome says what the end of a call means to the policies around it.
//
// A circuit breaker, a retry, a deduplicator and a guard all look at the same
// error and must not contradict each other: a rejection by a breaker is not a
// failed attempt, the caller's own cancellation says nothing about the
// service, and a "429, come back in 2 s" is neither a plain failure nor a
// reason to give up. So the four share one [Outcome], chosen by one
// [Classifier]; [Classify] is the default.
//
// An error says what it means in one of two ways. It is wrapped where the call
// is made, by [AsPermanent], [AsThrottled] or [AsIgnored]; or its type has a method
// Outcome() [Outcome], as the rejections of the other packages do.
package outcome

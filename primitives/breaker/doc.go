// Package breaker stops calling a service that is down, and finds out by itself
// when it is up again.
//
// A [Breaker] is in one of three states. Closed: calls pass, and failures in a
// row are counted. Open: calls are refused at once with an [*OpenError], until
// the recovery window, measured from the opening, is over. Half-open: at most a
// few calls, the probes, pass; the first of them that succeeds closes the
// breaker, the first that fails opens it again.
//
//	          threshold-th failure in a row
//	Closed ----------------------------------> Open <-----------+
//	   ^                                        |               |
//	   |                    recovery window over|               |probe fails
//	   |                                        v               |
//	   +------------ probe succeeds -------- HalfOpen ----------+
//
// Only outcomes that say something about the service count (see
// [github.com/weir-go/weir/primitives/outcome]): a success is a success; a
// failure, and a throttled call, is a failure; an ignored call (cancelled by its
// caller, or refused before it reached the service) and a permanent one (the
// service answered that this request is wrong, so it is alive, but how well it
// is the answer does not tell) leave everything as it is and give their probe
// slot back.
//
// An outcome counts for the state that its call was admitted under and for no
// later one. A call that was admitted before the breaker opened, and ends after
// it, can neither close it, nor open it again, nor make the opening last longer.
//
// # Use
//
// [Breaker.Do] guards a function. Where a call has no function form, such as
// in a stream, take a [Token] from [Breaker.Allow] and hand it to
// [Breaker.Record] together with the error.
//
// # Cost
//
// Closed, a breaker is one 64-bit word that is read and not written: no lock, no
// clock, no allocation. Open, a rejection reads the clock once and hands out
// one error value per open period, so it does not allocate either.
//
// No goroutine and no timer is behind it: an open breaker becomes half-open when
// somebody asks for admission after the window. A breaker needs no closing.
package breaker

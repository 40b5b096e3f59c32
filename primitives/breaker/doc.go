// Package breaker stops calling a service that is down, and finds out by itself
// when it is up again.
//
// A [Breaker] is in one of three states. Closed: calls pass, and their outcomes
// are shown to the rules. Open: calls are refused at once with an [*OpenError].
// Half-open: a few calls, the probes, pass and decide.
//
//	          any rule is met
//	Closed ----------------------> Open <---------------+
//	   ^                            |                   |
//	   |             open time over |                   | too many probes fail
//	   |                            v                   |
//	   +-- enough probes succeed -- HalfOpen -----------+
//
// # Rules
//
// A [Policy] opens by any of its rules: failures in a row ([InARow]), m of the last
// n calls ([OutOf]), a share of those in a window of time ([Rate]), a share of slow
// ones ([Slow]), and calls under way that never seem to end ([Hung]). Rates are of
// calls that have ended, so those that hang do not dilute them.
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
// # Recovery
//
// The open time is the recovery of the policy. It doubles with each opening in a
// row ([Escalate]), is spread ([Jitter]), and gives way to what a service that
// throttles has asked for ([ObeyUpTo]). [Probes] says how many probes may be out
// at once; each holds its slot for a [Lease], so one that is lost shuts nobody
// out. [CloseAfter] says how many have to succeed, and [Ramp] lets calls in slowly
// once they have. By default one probe decides, and all calls are back at once.
//
// # Modes
//
// A breaker can be forced open, be disabled, or be a shadow that rejects nothing
// and says what it would do: see [Mode] and [Breaker.SetMode]. [OnChange] hooks see
// each change of state once and in order; [Breaker.Snapshot] tells everything.
//
// # Use
//
// [Breaker.Do] guards a function. Where a call has no function form, such as
// in a stream, take a [Token] from [Breaker.Allow] and hand it to
// [Breaker.Record] together with the error. A [Registry] keeps a breaker for each
// key, such as each host, and does not let a flood of keys reset one that fails.
//
// # Cost
//
// Closed, a breaker is one 64-bit word that is read and not written: no lock, no
// clock, no allocation. A window of time adds a look at the clock and one atomic
// addition, slow calls another look, and hung calls a lock at both ends. Open, a
// rejection is a counter and one error value per opening: no clock, but near the end
// of the open time, and no allocation either.
//
// No goroutine is behind it. An opening that is not short sets a timer, which says
// when rejections have to look at the clock; nobody waits for it and it keeps
// nothing alive. An open breaker becomes half-open when somebody asks for
// admission after the open time. A breaker needs no closing.
package breaker

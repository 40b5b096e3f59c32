// Package breaker stops calling a service that is down, and finds out by itself
// when the service is up again.
//
// A [Breaker] is in one of three states. Closed: calls pass, and the rules look at
// their outcomes. Open: the breaker rejects calls at once with an [*OpenError].
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
// A [Policy] opens the breaker by any of its rules:
//
//   - [InARow]: n failures in a row;
//   - [OutOf]: m failures among the last n calls;
//   - [Within]: n failures within a duration;
//   - [Rate]: a share of failures in a window of time;
//   - [Slow]: a share of slow calls in a window of time;
//   - [Hung]: n calls that have been running for a duration.
//
// Rates are shares of the calls that have ended, so calls that hang do not dilute them.
//
// Only outcomes that say something about the service count (see
// [github.com/weir-go/weir/primitives/outcome]). A success counts as a success. A
// failure and a throttled call count as a failure; so does a deadline that passes
// inside a call. Two outcomes change nothing and give the place of a probe back:
//
//   - ignored: the caller cancelled the call, or a layer inside rejected it before it
//     reached the service;
//   - permanent: the service answered that this request is wrong. It is alive, but the
//     answer does not tell how well it works.
//
// An outcome counts for the state in which its call was admitted, and for no later
// state. A call that was admitted before the breaker opened, and ends afterwards,
// cannot close the breaker, open it again, or make the opening last longer.
//
// # Recovery
//
// The open time is the recovery of the policy. [Escalate] doubles it with each opening
// in a row, [Jitter] spreads it, and a pause that the service asks for lengthens it (see
// [ObeyUpTo]). [Probes] says how many probes may be out at the same time, and
// [ProbeLimit] how many in all. Each probe holds its place for a [Lease], so a lost
// probe does not block the others. [CloseAfter] says how many probes must succeed, and
// [Ramp] admits calls slowly once they have. By default one probe decides, and all calls
// are back at once.
//
// # Modes
//
// A breaker can be forced open, be disabled, or be a shadow that rejects nothing and
// tells what it would do: see [Mode] and [Breaker.SetMode]. [OnChange] hooks see each
// change of state once and in order. [Breaker.Snapshot] tells everything.
//
// # Use
//
// [Breaker.Do] guards a function, and [Breaker.Run] one that returns only an error. If a
// call is not a function, as in a stream, take a [Token] from [Breaker.Allow] and give it
// to [Breaker.Record] together with the error. A [Registry] keeps a breaker for each key,
// such as each host. A flood of keys does not make it forget a key that fails.
//
// [New] and [NewRegistry] return an error if the policy is invalid. [Of] and [RegistryOf]
// are for a policy that is written in the program: if it is invalid, each call fails.
//
// # Cost
//
// A closed breaker is one 64-bit word that calls read and do not write: no lock, no
// clock, no allocation. A window of time adds a look at the clock and one atomic
// addition. Slow calls add another look, and hung calls a lock at both ends. An open
// breaker rejects with a counter and one error value per opening: no allocation, and no
// clock until near the end of the open time.
//
// A breaker has no goroutine and needs no closing. An opening that is not short sets a
// timer, which tells when rejections have to look at the clock. The timer keeps nothing
// alive. An open breaker becomes half-open when a call asks for admission after the open
// time.
package breaker

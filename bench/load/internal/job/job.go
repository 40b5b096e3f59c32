package job

import (
	"context"
	"time"
)

// Arrival is one request of the load. It is due at a moment that does not depend
// on how the earlier ones fare.
type Arrival struct {
	// ID counts from 0.
	ID int64
	// Key is what is asked for; equal keys may share a call while it is under way.
	Key uint64
	// Due is the intended start, from which latency counts.
	Due time.Time
}

// Answer is what the service says. It repeats the key, so that an answer that
// was shared with the wrong arrival is found out.
type Answer struct{ Key uint64 }

// Call asks the service once. Its errors are a *[StatusError] or those of
// net/http.
type Call func(ctx context.Context, key uint64) (Answer, error)

// Settings are the same for all implementations.
type Settings struct {
	// InFlight is how many calls may be under way at a time.
	InFlight int
	// Queue is how many arrivals may be inside beside those: in a queue, or
	// waiting for another caller's call or for their next attempt. What arrives
	// when InFlight + Queue are inside is shed.
	Queue int
	// Attempts bounds the calls for one key in a row, the first one included.
	Attempts int
	// Base is the delay after the first attempt; it doubles after each, and each
	// is spread evenly over its upper half. A delay that the service tells takes
	// its place.
	Base time.Duration
	// BreakAfter is the number of failures in a row that opens the breaker, of
	// attempts and not of arrivals; an open one refuses for Recovery and then lets
	// one probe through. A refused arrival fails at once. A call that was told when
	// to come back is no failure to the breaker: a full service is not down, and to
	// leave it altogether would cost more than it spares.
	BreakAfter int
	Recovery   time.Duration
	// Timeout is how long one call may take.
	Timeout time.Duration
}

// Usual returns the settings of the program.
func Usual() Settings {
	return Settings{
		InFlight: 64, Queue: 128,
		Attempts: 3, Base: 20 * time.Millisecond,
		BreakAfter: 20, Recovery: 250 * time.Millisecond,
		Timeout: time.Second,
	}
}

// Job is what an implementation is given.
type Job struct {
	Settings
	Call Call
	// Done is to be called once for each arrival, when its fate is known. It is
	// quick and safe for concurrent use. The answer counts where the fate is
	// [Succeeded].
	Done func(Arrival, Answer, Fate)
}

// Runner is an implementation. It receives from in, at all times as fast as it
// can, until in is closed, and returns when Done has been called for all that
// it received and nothing of it runs any more. The end of ctx cuts that short.
type Runner func(ctx context.Context, j Job, in <-chan Arrival) error

package standin

import (
	"errors"
	"fmt"
	"time"
)

// Manners set how badly the service behaves. With the zero value it behaves perfectly.
type Manners struct {
	// Seed chooses the prompts that meet trouble.
	Seed uint64
	// MinLatency and MaxLatency bound how long an answer takes.
	MinLatency, MaxLatency time.Duration
	// ThrottleEvery is the n of "one prompt in n gets 429 at its first try"; 0 is never.
	ThrottleEvery int
	// RetryAfter is the time in the header of a 429. HTTP knows only whole seconds.
	RetryAfter time.Duration
	// FailEvery is the n of "one prompt in n gets 500 at its first try"; 0 is never.
	FailEvery int
	// OutageAt is the number of the request that begins the outage, counted from 1; 0
	// is never.
	OutageAt int
	// Outage is the length of the outage. There is only one.
	Outage time.Duration
}

// Typical returns the manners of the examples. An answer takes 5 to 40 ms. One prompt
// in 30 is throttled for a second, one in 10 fails. The 80th request begins an outage of
// 1.5 s. Few prompts are throttled, because a second of Retry-After is real waiting.
//
// With 16 calls at a time and three tries each, a breaker with a threshold of 5 opens
// well within the outage.
func Typical() Manners {
	return Manners{
		Seed:       7,
		MinLatency: 5 * time.Millisecond, MaxLatency: 40 * time.Millisecond,
		ThrottleEvery: 30, RetryAfter: time.Second,
		FailEvery: 10,
		OutageAt:  80, Outage: 1500 * time.Millisecond,
	}
}

func (m Manners) check() error {
	var faults []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(m.MinLatency < 0, "minimum latency %v is below 0", m.MinLatency)
	bad(m.MaxLatency < m.MinLatency, "maximum latency %v is below the minimum of %v", m.MaxLatency, m.MinLatency)
	bad(m.ThrottleEvery < 0, "throttle every %d is below 0", m.ThrottleEvery)
	bad(m.RetryAfter < 0 || m.RetryAfter%time.Second != 0, "retry after %v is not a number of whole seconds", m.RetryAfter)
	bad(m.FailEvery < 0, "fail every %d is below 0", m.FailEvery)
	bad(m.OutageAt < 0, "outage at request %d is below 0", m.OutageAt)
	bad(m.Outage < 0, "outage of %v is below 0", m.Outage)
	return errors.Join(faults...)
}

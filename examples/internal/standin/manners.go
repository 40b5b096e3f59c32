package standin

import (
	"errors"
	"fmt"
	"time"
)

// Manners say how badly the service behaves. The zero value behaves perfectly.
type Manners struct {
	// Seed chooses the prompts that meet trouble.
	Seed uint64
	// MinLatency and MaxLatency bound how long an answer takes.
	MinLatency, MaxLatency time.Duration
	// ThrottleEvery is n where one prompt of n is answered 429 when it is first
	// asked; 0 is never.
	ThrottleEvery int
	// RetryAfter is sent along with the 429. HTTP knows whole seconds only.
	RetryAfter time.Duration
	// FailEvery is n where one prompt of n is answered 500 when it is first asked;
	// 0 is never.
	FailEvery int
	// OutageAt is the number of the request, counted from 1, with which the outage
	// begins; 0 is never.
	OutageAt int
	// Outage is how long it lasts. There is one.
	Outage time.Duration
}

// Typical returns the manners of the example: 5 to 40 ms an answer, one prompt of 30
// throttled for a second, one of 10 failed, and an outage of 1.5 s from the
// 80th request on. A second of Retry-After is real waiting, so those are few.
//
// The outage is longer than a breaker with a threshold of 5 takes to open, with 16
// calls at a time and three tries each, and shorter than anyone waits for a demo.
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

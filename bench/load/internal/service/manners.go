package service

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Manners say how the service behaves.
type Manners struct {
	Seed uint64
	// Slots is how many requests are worked on at a time, Backlog how many wait.
	Slots, Backlog int
	// Median and Sigma are those of the log-normal time that the work takes.
	Median time.Duration
	Sigma  float64
	// FailShare is the share of requests that end in a 500, from 0 to 1.
	FailShare float64
	// RetryAfter is sent with a 429.
	RetryAfter time.Duration
	// OutageAt is when the outage begins, counted from Begin; Outage is how long
	// it lasts, 0 for none.
	OutageAt, Outage time.Duration
}

// Typical returns the manners of the program: 16 slots of 5.7 ms in the mean,
// which makes about 2,800 requests a second, few enough for two cores to bear it
// together with its callers. With 40 in the backlog, 64 callers at a time are a
// little too many, so a client at its limit meets some 429s.
func Typical(seed uint64) Manners {
	return Manners{
		Seed:  seed,
		Slots: 16, Backlog: 40,
		Median: 5 * time.Millisecond, Sigma: 0.5,
		FailShare:  0.02,
		RetryAfter: 25 * time.Millisecond,
	}
}

// Mean returns the mean time that the work on a request takes.
func (m Manners) Mean() time.Duration {
	return time.Duration(float64(m.Median) * math.Exp(m.Sigma*m.Sigma/2))
}

// Capacity returns how many requests a second the service can work on.
func (m Manners) Capacity() float64 { return float64(m.Slots) / m.Mean().Seconds() }

// draw returns what the n-th request meets.
func (m Manners) draw(n uint64) (work time.Duration, fails bool) {
	dice := rand.New(rand.NewPCG(m.Seed, n))
	work = time.Duration(float64(m.Median) * math.Exp(m.Sigma*dice.NormFloat64()))
	// The tail is cut off at 8 times the median, so that the time-out of a call is
	// never the cause of its failure.
	return min(work, 8*m.Median), dice.Float64() < m.FailShare
}

func (m Manners) check() error {
	if m.Slots < 1 || m.Backlog < 0 || m.Median <= 0 || m.Sigma < 0 ||
		m.FailShare < 0 || m.FailShare > 1 || m.RetryAfter < 0 || m.OutageAt < 0 || m.Outage < 0 {
		return errors.New("service: the manners are out of range")
	}
	return nil
}

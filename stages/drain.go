package stages

import (
	"errors"
	"fmt"
)

// Drain says what becomes of the items that wait for their next try when the flow
// is stopped; see [OnDrain].
type Drain int

const (
	// DrainRunNow cuts their waits short: each gets one more try, at once, and is
	// given up on if that fails. It is the default.
	DrainRunNow Drain = iota
	// DrainFail gives up on them, without another try.
	DrainFail
	// DrainHandBack gives them back to their source, without another try: they
	// fail with [ErrHandedBack].
	DrainHandBack
	// DrainWait lets them wait and try for as long as the policy says, or until
	// the flow is aborted.
	DrainWait
)

// String returns the name of d in lower case.
func (d Drain) String() string {
	switch d {
	case DrainRunNow:
		return "run now"
	case DrainFail:
		return "fail"
	case DrainHandBack:
		return "hand back"
	case DrainWait:
		return "wait"
	}
	return fmt.Sprintf("Drain(%d)", int(d))
}

// OnDrain says what a [Retry] does with the items that fail while the flow drains,
// and with those that wait for their next try when that begins: when the intake is
// stopped, not when the sources end by themselves. What is given up on fails with
// [ErrDrained] and the *[retry.Error] of the tries it had.
func OnDrain(d Drain) Option {
	return func(s *Settings) {
		s.Drain = d
		if d < DrainRunNow || d > DrainWait {
			s.faults = append(s.faults, fmt.Errorf("unknown drain %v", d))
		}
	}
}

// drainer is implemented by handlers that wait for what a stopped flow need not wait
// for.
type drainer interface {
	// drain is called once, when the intake has been stopped.
	drain()
}

// isHandedBack reports the failure of an item that goes back to its source.
func isHandedBack(err error) bool { return errors.Is(err, ErrHandedBack) }

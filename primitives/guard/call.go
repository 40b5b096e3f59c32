package guard

import (
	"context"
	"time"
)

// A CallOption says what is special about one call of [Guard.Acquire],
// [Guard.TryAcquire] or [Guard.Do]. It is a small value; to pass some allocates
// nothing. Of two that set the same thing the later wins.
type CallOption struct {
	set uint8
	n   int
}

const (
	setWeight = iota + 1
	setLevel
)

// Weight makes the call take n units of the capacity at once, instead of 1. A
// call whose weight is below 1, or above the most the capacity can be, is refused
// at once with a [*CallError].
//
// A heavy call waits until all its units are free, and nobody behind it in the
// queue is served before it. That keeps it from starving, and leaves units idle
// for as long as it gathers them.
func Weight(n int) CallOption { return CallOption{setWeight, n} }

// Priority puts the call at a level of the queue, where the policy gives levels a
// [HeadStart]; without one they change nothing. An unknown level is refused at once
// with a [*CallError].
func Priority(l Level) CallOption { return CallOption{setLevel, int(l)} }

// Level is how urgent a call is.
type Level int8

// The levels of [Priority]; calls without one are normal.
const (
	Low    Level = -1
	Normal Level = 0
	High   Level = 1
)

// levels is how many levels there are.
const levels = int(High-Low) + 1

// String returns the name of the level in lower case.
func (l Level) String() string {
	switch l {
	case Low:
		return "low"
	case Normal:
		return "normal"
	case High:
		return "high"
	}
	return "unknown"
}

// call is what the options of a call come to.
type call struct {
	weight   int
	level    Level
	hurried  bool          // it has a deadline, and the guard wants to know
	deadline time.Duration // left when it came
}

// read reads the options. It does not know the capacity, which may change until
// the call has the lock.
func (g *Guard) read(opts []CallOption) (call, error) {
	c, level := call{weight: 1}, 0
	for _, o := range opts {
		switch o.set {
		case setWeight:
			c.weight = o.n
		case setLevel:
			level = o.n
		}
	}
	c.level = Level(level)
	if c.weight < 1 || level < int(Low) || level > int(High) {
		return call{}, &CallError{Name: g.name, Weight: c.weight, Capacity: g.MaxCapacity(), Level: c.level}
	}
	return c, nil
}

// until notes how long the context lets the call wait. It runs without the lock:
// a context may be the user's own.
func (c *call) until(ctx context.Context) {
	if t, ok := ctx.Deadline(); ok {
		c.hurried, c.deadline = true, time.Until(t)
	}
}

// unfit refuses a call that could not be seated in the empty guard. The zero
// guard sheds like a full one.
func (g *Guard) unfit(c call) error {
	if c.weight == 1 {
		return nil
	}
	if most := g.MaxCapacity(); c.weight > most {
		return &CallError{Name: g.name, Weight: c.weight, Capacity: most, Level: c.level}
	}
	return nil
}

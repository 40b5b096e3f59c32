package guard

import (
	"context"
	"time"
)

// A CallOption says what is special about one call of [Guard.Acquire],
// [Guard.TryAcquire], [Guard.Enlist], [Guard.Do] or [Guard.Run]. It is a small value,
// and costs no allocation. If two options set the same thing, the later one counts.
type CallOption struct {
	set uint8
	n   int
}

const (
	setWeight = iota + 1
	setLevel
)

// Weight makes the call take n units of the capacity at once, instead of 1. A weight
// below 1, or above the most that the capacity can be, is refused at once with a
// [*CallError].
//
// A heavy call waits until all its units are free, and so do the calls behind it in the
// queue. This keeps it from starving. The units that it gathers are idle meanwhile.
func Weight(n int) CallOption { return CallOption{setWeight, n} }

// Priority puts the call at a level of the queue, if the policy gives levels a
// [HeadStart]. Without a head start, levels change nothing. An unknown level is refused
// at once with a [*CallError].
func Priority(l Level) CallOption { return CallOption{setLevel, int(l)} }

// Level is how urgent a call is.
type Level int8

// The levels of [Priority]. Calls without one are normal.
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

// call is the sum of the options of a call.
type call struct {
	weight   int
	level    Level
	hurried  bool          // the call has a deadline, and the guard looks at deadlines
	deadline time.Duration // the time left when the call came

	then func(Permit, error) // ends the wait in place of a token, see [Guard.Enlist]
}

// request reads ctx and the options. It runs without the lock: a context may be the
// user's own.
func (g *Guard) request(ctx context.Context, opts []CallOption) (call, error) {
	c, err := g.read(opts)
	if err == nil && g.deadlines {
		c.until(ctx)
	}
	return c, err
}

// read reads the options, unless the guard cannot be used. It does not know the
// capacity, which may change until the call has the lock.
func (g *Guard) read(opts []CallOption) (call, error) {
	if err := g.Err(); err != nil {
		return call{}, err
	}
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

// until notes how long ctx lets the call wait.
func (c *call) until(ctx context.Context) {
	if t, ok := ctx.Deadline(); ok {
		c.hurried, c.deadline = true, time.Until(t)
	}
}

// unfit refuses a call that does not fit into the empty guard.
func (g *Guard) unfit(c call) error {
	if c.weight == 1 {
		return nil
	}
	if most := g.MaxCapacity(); c.weight > most {
		return &CallError{Name: g.name, Weight: c.weight, Capacity: most, Level: c.level}
	}
	return nil
}

package guard

import "time"

// holds is how long permits are held: a moving mean, in which the last 8 calls make
// about two thirds.
type holds struct{ mean time.Duration }

func (h *holds) add(d time.Duration) {
	if h.mean == 0 {
		h.mean = d
		return
	}
	h.mean += (d - h.mean) / 8
}

// Deadlines makes Acquire refuse a call at once if it would have to wait longer than
// the deadline of its context allows. The call ends with a [*ShedError] of reason
// [Late]. The expected wait is
//
//	mean time a permit is held × (weight ahead + weight of the call) ÷ capacity
//
// The weight ahead is that of the waiters at the call's level and above. It is 0 if the
// newest are served first. No call is refused until a permit has come back. Such a
// guard measures each call, which costs two readings of the clock.
func Deadlines() Option { return func(p *Policy) { p.deadlines = true } }

// expected is the time until a call that has to wait is served. It is 0 if the guard does
// not measure: then it knows no hold.
func (g *Guard) expected(c call, now time.Duration) time.Duration {
	// In floating point, because a sum of weights times a duration may overflow.
	wait := float64(g.holds.mean) * (g.queue.before(c, now) + float64(c.weight)) / float64(g.capacity())
	const most = 1 << 62
	return time.Duration(min(max(wait, 0), most))
}

// crowded sheds a call if the queue has no place for it, or the call no time to wait.
func (g *Guard) crowded(c call, now time.Duration) error {
	if g.maxQueue >= 0 && g.queue.len >= g.maxQueue {
		return g.shedError(QueueFull, c, now)
	}
	if c.hurried && g.expected(c, now) > c.deadline {
		return g.shedError(Late, c, now)
	}
	return nil
}

// clock returns the time since the guard was made, at least 1. It returns 0 if the
// policy does not depend on time. It takes no lock.
func (g *Guard) clock() time.Duration {
	if !g.timed {
		return 0
	}
	return time.Since(g.base) + 1
}

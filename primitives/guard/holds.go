package guard

import "time"

// holds is how long permits are held: a moving mean, in which the last 8 calls
// make about two thirds.
type holds struct{ mean time.Duration }

func (h *holds) add(d time.Duration) {
	if h.mean == 0 {
		h.mean = d
		return
	}
	h.mean += (d - h.mean) / 8
}

// Deadlines makes Acquire refuse at once, with a [*ShedError] of reason [Late], a
// call that would have to wait longer than the deadline of its context allows. The
// expected wait is
//
//	mean time a permit is held × (weight ahead + weight of the call) ÷ capacity
//
// where the weight ahead is that of the waiters at its level and above, and 0
// where the newest go first. Until a permit has come back nobody is refused.
// Such a guard measures each call, which costs two readings of the clock.
func Deadlines() Option { return func(p *Policy) { p.deadlines = true } }

// expected is the time until a call that has to wait is served, or 0 where that is
// not known.
func (g *Guard) expected(c call, now time.Duration) time.Duration {
	n := g.capacity()
	if !g.measures || n == 0 {
		return 0
	}
	// In floating point: a sum of weights times a duration need not fit.
	wait := float64(g.holds.mean) * (float64(g.queue.before(c, now)) + float64(c.weight)) / float64(n)
	const most = 1 << 62
	return time.Duration(min(wait, most))
}

// crowded sheds a call for which there is no place in the queue, or no time.
func (g *Guard) crowded(c call, now time.Duration) error {
	if g.maxQueue >= 0 && g.queue.len >= g.maxQueue {
		return g.shedError(QueueFull, c, now)
	}
	if c.hurried && g.expected(c, now) > c.deadline {
		return g.shedError(Late, c, now)
	}
	return nil
}

// clock returns the time since the guard was made, at least 1, or 0 where nothing
// depends on it. It takes no lock.
func (g *Guard) clock() time.Duration {
	if !g.timed {
		return 0
	}
	return time.Since(g.base) + 1
}

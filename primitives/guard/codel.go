package guard

import "time"

// CoDel makes the guard shed waiters when the queue stands. When the longest wait
// has been above target for an interval, every waiter above target ends with a
// [*ShedError], its reason [Stale], and so does whoever gets above it until for an
// interval nobody has, or the queue is empty. The last waiter stays, so that a
// free unit always finds work. A burst that is worked off within the interval
// drops nobody.
//
// The queue is looked at whenever a call comes or a permit comes back. Both
// durations must be above 0, and target below interval; 5 ms and 100 ms suit calls
// of a few milliseconds. When to shed is from K. Nichols and V. Jacobson,
// "Controlling Queue Delay", ACM Queue 10(5), 2012; to shed all above the target,
// where a router drops ever more single packets, from B. Maurer, "Fail at Scale",
// ACM Queue 13(8), 2015: callers that wait do not slow down when one is dropped.
func CoDel(target, interval time.Duration) Option {
	return func(p *Policy) { p.stale, p.hasStale = stale{target: target, interval: interval}, true }
}

// stale decides whether waiters have waited too long.
type stale struct {
	target, interval time.Duration // 0: there is no such limit

	above    time.Duration // since when every look found the longest wait above target; 0: the last did not
	last     time.Duration // the last look that did
	shedding bool
}

// look takes the longest wait and reports whether waiters above target are to go.
// The queue must not be empty.
func (s *stale) look(now, longest time.Duration) bool {
	if longest <= s.target {
		s.above = 0
		s.shedding = s.shedding && now-s.last < s.interval
		return false
	}
	if s.above == 0 {
		s.above = now
	}
	// A long silence is no calm: nobody has looked. That is why shedding is only
	// ended by a look that finds the queue short.
	s.last = now
	s.shedding = s.shedding || now-s.above >= s.interval
	return s.shedding
}

// calm forgets what was, since the queue is empty.
func (s *stale) calm() { s.above, s.shedding = 0, false }

// dropStale sends off those who have waited too long.
func (g *Guard) dropStale(now time.Duration, called *callees) {
	s := &g.stale
	if s.interval == 0 {
		return
	}
	for first := true; g.queue.len > 0; first = false {
		w := g.queue.oldest(0)
		if first && !s.look(now, now-w.since) {
			return
		}
		if g.queue.len == 1 || now-w.since <= s.target {
			return
		}
		g.shed++
		g.drop(w, g.shedError(Stale, w.call, now), called)
	}
}

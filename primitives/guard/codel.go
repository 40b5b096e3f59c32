package guard

import "time"

// CoDel makes the guard shed waiters from a queue that stays long. When the longest
// wait has been above target for an interval, every waiter above target ends with a
// [*ShedError] of reason [Stale]. So does every waiter that gets above target later,
// until no waiter has been above target for an interval, or the queue is empty. The
// last waiter stays, so that a free unit always finds a call. A burst that is served
// within the interval loses no call.
//
// The guard looks at the queue whenever a call comes or a permit comes back. Both
// durations must be above 0, and target below interval. 5 ms and 100 ms suit calls of a
// few milliseconds.
//
// The rule of when to shed is from K. Nichols and V. Jacobson, "Controlling Queue
// Delay", ACM Queue 10(5), 2012. A router then drops single packets, at a growing rate.
// The guard sheds all waiters above the target, as in B. Maurer, "Fail at Scale", ACM
// Queue 13(8), 2015: callers that wait do not slow down when one of them is dropped.
func CoDel(target, interval time.Duration) Option {
	return func(p *Policy) { p.stale, p.hasStale = stale{target: target, interval: interval}, true }
}

// stale decides whether waiters have waited too long.
type stale struct {
	target, interval time.Duration // 0: the guard does not shed waiters

	above    time.Duration // since when every look found the longest wait above target; 0: the last did not
	last     time.Duration // the last look that did
	shedding bool
}

// look takes the longest wait and reports whether waiters above target must go. The
// queue must not be empty.
func (s *stale) look(now, longest time.Duration) bool {
	if longest <= s.target {
		s.above = 0
		s.shedding = s.shedding && now-s.last < s.interval
		return false
	}
	if s.above == 0 {
		s.above = now
	}
	// Only a look that finds the queue short ends the shedding. A long time without
	// looks does not.
	s.last = now
	s.shedding = s.shedding || now-s.above >= s.interval
	return s.shedding
}

// calm forgets the past of a queue that is empty.
func (s *stale) calm() { s.above, s.shedding = 0, false }

// dropStale ends the waits that are above target, if CoDel sheds.
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

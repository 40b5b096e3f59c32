package guard

import (
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Adaptive makes the guard find its capacity by itself, between least and most,
// beginning with the one given to [Limit]. The algorithm is one of [AIMD], [Vegas]
// and [Gradient2]; it looks at how long permits are held and how calls end. To tell
// the guard, run calls by [Guard.Do] or end them by [Permit.Done]. Failures and
// throttled calls, time-outs among them, count as lost; ignored calls do not count;
// see [Classify].
//
// The guard decides once per window, which is as long as a guard in full use takes
// for some 20 calls and at least 100 ms. The limit
//
//   - is multiplied by 0.9 when more than 1 of 20 calls were lost (AIMD names its
//     own factor);
//   - does not grow when less than half of it was in use;
//   - is at most 5 times what was in use, but not below least;
//   - stands when a window has seen fewer than 10 calls: so few say nothing.
//
// Calls that began before the window did not know its limit and are left out. Such a
// guard sees each call, which costs two readings of the clock.
func Adaptive(a Algorithm, least, most int) Option {
	return func(p *Policy) { p.law, p.min, p.max, p.adaptive = a, least, most, true }
}

// An Algorithm decides how the capacity of an [Adaptive] guard changes. It is a
// value, good for any number of guards.
type Algorithm struct {
	start   func() law // for each guard its own
	backoff float64    // what a loss leaves of the limit
	slow    time.Duration
	fault   error
}

// A law is an algorithm at work.
type law interface {
	// next returns the new limit after a window in which calls were not lost.
	next(w window) float64
	// interrupt says that the limit has been set from outside, or by a loss.
	interrupt()
}

// window is what the calls of a window have shown.
type window struct {
	limit float64
	peak  int           // units in use, at most
	held  time.Duration // by the calls that were not lost, on average
}

// busy reports whether the limit may have been what bounded the calls.
func (w window) busy() bool { return float64(2*w.peak) >= w.limit }

const (
	leastWindow  = 100 * time.Millisecond
	leastSamples = 10
	tolerated    = 20 // one loss among so many is no sign of load
	headroom     = 5  // times what was in use; from failsafe-go's MaxLimitFactor
)

// adaptation is the account of an adaptive guard. It is used under the lock.
type adaptation struct {
	law      law
	backoff  float64
	slow     time.Duration // a call held longer counts as lost; 0: none does
	min, max int

	limit   float64
	begin   time.Duration // of the window; 0: with the next call
	peak    int
	samples int
	lost    int
	held    float64 // ns in all, by those that were not lost; a sum of integers could overflow
}

func (p Policy) adaptation() *adaptation {
	if !p.adaptive {
		return nil
	}
	return &adaptation{
		law: p.law.start(), backoff: p.law.backoff, slow: p.law.slow,
		min: p.min, max: p.max, limit: float64(p.capacity),
	}
}

// seen takes note of a call that begins.
func (a *adaptation) seen(depth int, now time.Duration) {
	if a.begin == 0 {
		a.begin = now
	}
	a.peak = max(a.peak, depth)
}

// sample takes note of a call that ends, and leaves so many units in use. If that
// ends the window, and the window says anything, it returns the new limit.
func (a *adaptation) sample(since, now time.Duration, kind outcome.Kind, mean time.Duration, depth int) (int, bool) {
	if since >= a.begin {
		a.samples++
		if lost(kind) || a.slow > 0 && now-since > a.slow {
			a.lost++
		} else {
			a.held += float64(now - since)
		}
	}
	if now-a.begin < a.length(mean) {
		return 0, false
	}
	told := a.samples >= leastSamples
	if told {
		a.decide()
	}
	a.restart(a.limit, depth, now)
	return int(a.limit), told
}

// lost reports whether a call ended in a way that may be the load's fault. A
// permanent failure is an answer like any other.
func lost(kind outcome.Kind) bool { return kind == outcome.Failure || kind == outcome.Throttled }

// length is how long the window takes: one hold, so that calls which began in it
// end in it, and as long again as a full guard needs for twice the least samples.
// A guard that is less than half used therefore sees too few.
func (a *adaptation) length(mean time.Duration) time.Duration {
	const most = 1 << 62
	d := float64(mean) * (1 + max(1, 2*leastSamples/a.limit))
	return max(leastWindow, time.Duration(min(d, most)))
}

// decide ends a window that says something.
func (a *adaptation) decide() {
	w := window{limit: a.limit, peak: a.peak}
	next := a.limit * a.backoff
	if a.lost*tolerated > a.samples {
		a.law.interrupt()
	} else {
		w.held = time.Duration(a.held / float64(a.samples-a.lost))
		if next = a.law.next(w); next > a.limit && !w.busy() {
			next = a.limit
		}
	}
	next = min(next, float64(headroom*a.peak))
	a.limit = min(max(next, float64(a.min)), float64(a.max))
}

// restart begins a window. What is in flight is in use in it, too: where none begins
// later, a peak of 0 would bring the limit down to its lower bound.
func (a *adaptation) restart(limit float64, depth int, now time.Duration) {
	a.limit, a.begin, a.peak = limit, now, depth
	a.samples, a.lost, a.held = 0, 0, 0
}

package guard

import (
	"time"

	"github.com/weir-go/weir/primitives/outcome"
)

// Adaptive makes the guard find its capacity by itself, between least and most, from
// the capacity given to [Limit] on. The algorithm is [AIMD], [Vegas] or [Gradient2]. It
// looks at how long permits are held and at how calls end. To tell the guard how they
// end, run calls by [Guard.Do], or end them by [Permit.Done]. Failures and throttled
// calls count as lost, and so do timeouts. Ignored calls do not count. See [Classify].
//
// The guard decides once per window. A window lasts as long as a guard in full use
// takes for some 20 calls, and at least 100 ms. The limit
//
//   - is multiplied by 0.9 if more than 1 of 20 calls were lost (AIMD has its own
//     factor);
//   - does not grow if less than half of it was in use;
//   - is at most 5 times what was in use, but not below least;
//   - does not change if a window has seen fewer than 10 calls.
//
// Calls that began before the window did not know its limit, and are left out. An
// adaptive guard sees each call, which costs two readings of the clock.
func Adaptive(a Algorithm, least, most int) Option {
	return func(p *Policy) { p.law, p.min, p.max, p.adaptive = a, least, most, true }
}

// An Algorithm decides how the capacity of an [Adaptive] guard changes. It is a value
// that any number of guards can use.
type Algorithm struct {
	start   func() law // called once for each guard
	backoff float64    // the part of the limit that a loss leaves
	slow    time.Duration
	fault   error
}

// A law is an algorithm in use by one guard.
type law interface {
	// next returns the new limit after a window without too many losses.
	next(w window) float64
	// interrupt tells that the limit was changed by Resize, or by a loss.
	interrupt()
}

// window is what the calls of a window have shown.
type window struct {
	limit float64
	peak  int           // the most units in use
	held  time.Duration // the mean hold of the calls that were not lost
}

// busy reports whether the limit may have bounded the calls.
func (w window) busy() bool { return 2*float64(w.peak) >= w.limit }

const (
	leastWindow  = 100 * time.Millisecond
	leastSamples = 10
	tolerated    = 20 // one loss among so many calls is no sign of load
	headroom     = 5  // the limit is at most so many times the peak; from failsafe-go's MaxLimitFactor
)

// adaptation is the account of an adaptive guard.
//
// Guarded by: the guard's lock.
type adaptation struct {
	law      law
	backoff  float64
	slow     time.Duration // a call that is held longer counts as lost; 0: none does
	min, max int

	limit   float64
	begin   time.Duration // of the window; 0: it begins with the next call
	peak    int
	samples int
	lost    int
	held    float64 // ns, by the calls that were not lost; a sum of integers could overflow
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

// seen notes a call that begins.
func (a *adaptation) seen(depth int, now time.Duration) {
	// In another synctest bubble the clock may be behind the window. It is not behind by
	// so much for any other reason.
	if a.begin == 0 || now < a.begin-leastWindow {
		a.restart(a.limit, depth, now)
	}
	a.peak = max(a.peak, depth)
}

// sample notes a call that ends and leaves depth units in use. If that ends the window,
// and the window has seen enough calls, it returns the new limit.
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
	return a.capacity(), told
}

// lost reports whether load can be the reason for the end of a call. A permanent
// failure is an answer like any other.
func lost(kind outcome.Kind) bool { return kind == outcome.Failure || kind == outcome.Throttled }

// length returns how long the window lasts. It is the sum of two times. The first is one hold, so
// that calls which begin in the window can end in it. The second is the time in which a guard in
// full use takes twice the least samples. A guard in less than half use sees too few calls.
func (a *adaptation) length(mean time.Duration) time.Duration {
	const most = 1 << 62
	d := float64(mean) * (1 + max(1, 2*leastSamples/a.limit))
	return max(leastWindow, time.Duration(min(d, most)))
}

// decide sets the limit after a window with enough calls.
func (a *adaptation) decide() {
	w := window{limit: a.limit, peak: a.peak}
	next := a.limit * a.backoff
	if a.lost > a.samples/tolerated {
		a.law.interrupt()
	} else {
		w.held = time.Duration(a.held / float64(a.samples-a.lost))
		if next = a.law.next(w); next > a.limit && !w.busy() {
			next = a.limit
		}
	}
	next = min(next, headroom*float64(a.peak))
	a.limit = min(max(next, float64(a.min)), float64(a.max))
}

// capacity is the limit in whole units. A great upper bound may be rounded up as a
// floating point number.
func (a *adaptation) capacity() int {
	if a.limit >= float64(a.max) {
		return a.max
	}
	return int(a.limit)
}

// restart begins a window. Its peak begins with the calls in flight: if no call begins
// in the window, a peak of 0 would bring the limit down to its lower bound.
func (a *adaptation) restart(limit float64, depth int, now time.Duration) {
	a.limit, a.begin, a.peak = limit, now, depth
	a.samples, a.lost, a.held = 0, 0, 0
}

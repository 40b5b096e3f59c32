package guard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// AIMD adds 1 to the limit after a window without loss, and multiplies it by backoff
// after one with losses. It looks at how calls end and not at how long they take, with
// one exception: a call longer than slow counts as lost. With a slow of 0 none does.
// backoff must be at least 0.5 and below 1. From D. Chiu and R. Jain, "Analysis of the
// Increase and Decrease Algorithms for Congestion Avoidance", 1989.
func AIMD(backoff float64, slow time.Duration) Algorithm {
	a := Algorithm{start: func() law { return additive{} }, backoff: backoff, slow: slow}
	if !(backoff >= 0.5 && backoff < 1) { // written so that NaN is refused
		a.fault = fmt.Errorf("AIMD's backoff %v is not within 0.5 to below 1", backoff)
	} else if slow < 0 {
		a.fault = fmt.Errorf("AIMD's slow %v is below 0", slow)
	}
	return a
}

type additive struct{}

func (additive) next(w window) float64 { return w.limit + 1 }
func (additive) interrupt()            {}

// Vegas estimates how many of the calls in flight wait inside the service, as limit ×
// (1 − unloaded hold ÷ hold). It keeps that between 3 and 6 times the decimal logarithm
// of the limit. From L. Brakmo and L. Peterson, "TCP Vegas", 1995, with the thresholds
// of Netflix's concurrency-limits.
//
// Vegas learns the unloaded hold from windows that used less than half of the limit. If
// there are none, it halves the limit for one window in some 60, and learns from that.
// So it takes a service that stays slower for a loaded one only for a short time.
func Vegas() Algorithm { return Algorithm{start: func() law { return &vegas{} }, backoff: 0.9} }

type vegas struct{ unloaded }

func (v *vegas) next(w window) float64 {
	if limit, ok := v.look(w); ok {
		return limit
	}
	step := max(1, math.Log10(w.limit))
	switch waiting := w.limit * (1 - v.ratio(w)); {
	case waiting < step:
		return w.limit + 6*step
	case waiting < 3*step:
		return w.limit + step
	case waiting > 6*step:
		// Half of the excess: one step at a time would take minutes.
		return w.limit - max(step, (waiting-6*step)/2)
	}
	return w.limit
}

// Gradient2 multiplies the limit by 1.5 × unloaded hold ÷ hold, if that is below 1. If
// not, it adds the square root of the limit. It makes a fifth of either change. It
// learns the unloaded hold as [Vegas] does.
//
// From Netflix's concurrency-limits, without its drift. There, the square root is
// always added, and the long-term hold includes delays that the limit itself has
// caused. So a mild overload raises both without end.
func Gradient2() Algorithm { return Algorithm{start: func() law { return &gradient{} }, backoff: 0.9} }

type gradient struct{ unloaded }

func (g *gradient) next(w window) float64 {
	if limit, ok := g.look(w); ok {
		return limit
	}
	const tolerance, smoothing = 1.5, 0.2
	next := w.limit + math.Sqrt(w.limit)
	if slope := tolerance * g.ratio(w); slope < 1 {
		next = w.limit * max(slope, 0.5)
	}
	return w.limit + (next-w.limit)*smoothing
}

// unloaded learns how long a call is held that does not wait inside the service.
type unloaded struct {
	held    time.Duration
	left    int     // windows until the next probe
	restore float64 // the limit before the probe; 0: there is no probe
}

// look takes a window. It returns a limit if it sets one for a probe, or restores one
// after it.
func (u *unloaded) look(w window) (float64, bool) {
	switch {
	case u.restore > 0:
		limit := u.restore
		u.learned(w.held)
		return limit, true
	case u.held == 0:
		u.learned(w.held)
	case !w.busy():
		u.learned(u.held + (w.held-u.held)/4)
	case w.held < u.held:
		// By a part only: the least of many noisy windows would be far too low.
		u.held += (w.held - u.held) / 4
	default:
		if u.left--; u.left <= 0 && w.limit >= 2 {
			// TCP BBR drains the path in the same way to see its length. The jitter
			// keeps the guards of one service from probing together.
			u.restore = w.limit
			return w.limit / 2, true
		}
	}
	return 0, false
}

// interrupt ends a probe without a result.
func (u *unloaded) interrupt() { u.restore = 0 }

// learned sets the hold, and the time of the next probe.
func (u *unloaded) learned(held time.Duration) {
	u.held, u.restore, u.left = max(held, 1), 0, 45+rand.IntN(30)
}

// ratio is the unloaded hold divided by that of the window, at most 1.
func (u *unloaded) ratio(w window) float64 {
	return min(1, float64(u.held)/float64(max(w.held, 1)))
}

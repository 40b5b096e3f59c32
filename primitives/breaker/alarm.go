package breaker

import (
	"time"
	"weak"
)

// A look at the clock is nine tenths of the cost of a rejection. So an opening
// that is not short begins blind: it rejects without one, until an alarm near
// its end tells that from now on the clock matters. A lone caller just after the
// end is a probe as promised, since the alarm was due long before; a count of
// rejections instead, or a clock that ticks now and then, would turn him away.
// Only a machine that runs its timers later than the margin makes an opening
// longer, by as much as it is later than that.
//
// Alarms are never stopped: a timer of a synctest bubble must not be touched
// from outside of it, and one that rings for nothing costs nothing. They hold
// the breaker weakly, so that one nobody uses any more can go before they ring.
const (
	minBlind  = 100 * time.Millisecond
	minMargin = 20 * time.Millisecond
	// maxBlind keeps clear of the end of time. Later on, rejections look at the
	// clock; to wind the alarm up again and again would keep a bubble from noticing
	// that all its goroutines wait for ever.
	maxBlind = 24 * time.Hour
)

// trust lets r be handed out without a look at the clock, if it lasts long
// enough. Called with mu held.
func (b *Breaker) trust(r *OpenError, now time.Duration) {
	left := r.until - now
	if left < minBlind || b.inMode() == Shadow {
		return
	}
	r.near = now + min(left-max(left/16, minMargin), maxBlind)
	b.blind.Store(r)
	b.wind(now, r.near)
}

// wind sets the alarm. An earlier one that is still to ring does as well: it
// winds the next one. So there are few, however often the breaker opens. Called
// with mu held.
func (b *Breaker) wind(now, at time.Duration) {
	if b.alarm != 0 && b.alarm <= at {
		return
	}
	b.alarm = at
	held := weak.Make(b)
	time.AfterFunc(at-now, func() {
		if b := held.Value(); b != nil {
			b.ring(at)
		}
	})
}

// ring is the alarm that was set for a time. What it has to say it finds in the
// present opening, which may be another one by now.
func (b *Breaker) ring(at time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.alarm == at {
		b.alarm = 0
	}
	r := b.blind.Load()
	if r == nil || r.near == forEver {
		return
	}
	if now := b.now(); now < r.near {
		b.wind(now, r.near)
		return
	}
	b.blind.Store(nil)
}

// doubt is asked now and then by those who look at the clock all the same.
func (b *Breaker) doubt(now time.Duration) {
	if r := b.blind.Load(); r != nil && now >= r.near {
		b.blind.CompareAndSwap(r, nil)
	}
}

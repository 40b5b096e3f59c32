package breaker

import (
	"time"
	"weak"
)

// A look at the clock is nine tenths of the cost of a rejection. So an opening that is
// not short begins blind: it rejects without a look, until an alarm near its end tells
// that the clock matters from now on. A call just after the end is a probe as promised,
// since the alarm was due long before. The rejected ways, a count of rejections or a
// clock that ticks now and then, would reject that call. An opening gets longer only if
// the machine runs its timers later than the margin, by that delay.
//
// Alarms are never stopped. A timer of a synctest bubble must not be touched from outside
// of the bubble, and an alarm that rings for nothing costs nothing. An alarm holds its
// breaker weakly, so a breaker without users can be collected before the alarm rings.
const (
	minBlind  = 100 * time.Millisecond
	minMargin = 20 * time.Millisecond
	// maxBlind stays far from the largest time. After it, rejections look at the clock. An alarm
	// that is set again and again would keep a synctest bubble from noticing that all its
	// goroutines are blocked.
	maxBlind = 24 * time.Hour
)

// trust lets calls get r without a look at the clock, if it lasts long enough.
//
// Guarded by: mu.
func (b *Breaker) trust(r *OpenError, now time.Duration) {
	left := r.until - now
	if left < minBlind || b.inMode() == Shadow {
		return
	}
	r.near = now + min(left-max(left/16, minMargin), maxBlind)
	b.blind.Store(r)
	b.wind(now, r.near)
}

// wind sets the alarm. If an earlier alarm will ring, that is enough: it sets the next one. So
// there are few alarms, however often the breaker opens.
//
// Guarded by: mu.
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

// ring is called by the alarm that was set for the time at. It looks at the present opening, which
// may be a different one by now.
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

// doubt ends the rejections without a look at the clock if their alarm is late. Calls that
// look at the clock ask it.
func (b *Breaker) doubt(now time.Duration) {
	if r := b.blind.Load(); r != nil && now >= r.near {
		b.blind.CompareAndSwap(r, nil)
	}
}

package stages

import (
	"context"
	"math"
	"time"
)

// never is a time that does not come.
const never = math.MaxInt64

// alarm wakes a stage at the time it asks for, and at once when the intake has
// been stopped: in a drain, what a stage holds waits for no timer. It belongs to
// the stage's goroutine.
type alarm struct {
	rt     *Runtime
	timer  *time.Timer
	at     int64 // when it will ring, never where it will not
	unhook func() bool
}

// newAlarm returns an alarm that must be ended.
func newAlarm(rt *Runtime) *alarm {
	a := &alarm{rt: rt, timer: newStoppedTimer(), at: never}
	a.unhook = context.AfterFunc(rt.intake, func() { a.timer.Reset(0) })
	return a
}

func (a *alarm) end() {
	a.unhook()
	a.timer.Stop()
}

// set has the alarm ring at a time of the run, or before where that was asked
// for already: who moves a time back looks at the clock when it rings, which is
// cheaper than to move the timer for each item. With never it rings in a drain
// alone.
func (a *alarm) set(at int64) {
	if at < a.at {
		a.at = at
		a.timer.Reset(time.Duration(at - a.rt.now()))
	}
	if a.short() { // also where the stop came just before the Reset
		a.timer.Reset(0)
	}
}

// clear takes back what was asked for.
func (a *alarm) clear() {
	a.at = never
	a.timer.Stop()
}

// short reports that the intake has been stopped, and nothing waits any more.
func (a *alarm) short() bool { return a.rt.intake.Err() != nil }

// wait blocks until the alarm rings.
func (a *alarm) wait() {
	<-a.timer.C
	a.at = never
}

// next is [Inlet.NextOr] with the alarm. In a drain it wakes the stage when
// there is nothing more to receive at once, so that what came together leaves
// together.
func (a *alarm) next[T any](in *Inlet[T]) (it Item[T], ok, woken bool) {
	it, ok, woken = in.NextOr(a.timer.C)
	for woken && a.short() && pollInlet(in) == ready {
		a.timer.Reset(0)
		it, ok, woken = in.NextOr(a.timer.C)
	}
	if woken {
		a.at = never
	}
	return it, ok, woken
}

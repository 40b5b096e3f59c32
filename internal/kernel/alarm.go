package kernel

import (
	"context"
	"math"
	"time"

	"github.com/weir-go/weir/internal/lineage"
)

// Never is a time of the run that is never reached.
const Never = math.MaxInt64

// Plus returns the time d after t, at most [Never]. t must not be negative.
func Plus(t int64, d time.Duration) int64 {
	if t > Never-int64(d) {
		return Never
	}
	return t + int64(d)
}

// Alarm wakes a stage at a time that the stage sets, when the intake stops, and when a
// [lineage.Lot] is called in. In a drain a stage holds no items back, so it waits for no timer.
//
// Owner: the stage's goroutine.
type Alarm struct {
	run    *Run
	timer  *time.Timer
	at     int64  // when it will ring
	heard  uint32 // Run.rings at the last wake-up
	early  bool   // see Early
	unhook func() bool
}

// NewAlarm returns an alarm. The stage must call End.
func NewAlarm(run *Run) *Alarm {
	a := &Alarm{run: run, timer: time.NewTimer(time.Hour), at: Never}
	a.timer.Stop()
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.alarms == nil {
		run.alarms = map[*Alarm]struct{}{}
	}
	run.alarms[a] = struct{}{}
	a.heard = run.rings.Load()
	a.unhook = context.AfterFunc(run.Intake, func() { a.timer.Reset(0) })
	return a
}

// End ends the alarm.
func (a *Alarm) End() {
	a.unhook()
	a.run.mu.Lock()
	delete(a.run.alarms, a)
	a.run.mu.Unlock()
	a.timer.Stop()
}

// Set makes the alarm ring at a time of the run. If an earlier time is set, the alarm rings then: a
// look at the clock costs less than moving the timer for each item. With [Never] the alarm rings
// only in a drain or for a lot.
func (a *Alarm) Set(at int64) {
	if at < a.at {
		a.at = at
		a.timer.Reset(time.Duration(at - a.run.now()))
	}
	a.again()
}

// again rings at once if the intake stopped or a lot was called in just before the timer was set.
func (a *Alarm) again() {
	if a.Short() || a.heard != a.run.rings.Load() {
		a.timer.Reset(0)
	}
}

// Clear cancels the time that was set.
func (a *Alarm) Clear() {
	if a.at != Never {
		a.at = Never
		a.timer.Stop()
		a.again()
	}
}

// Short reports that the intake has stopped: the stage must not wait for a timer.
func (a *Alarm) Short() bool { return a.run.Stopping() }

// Wait blocks until the alarm rings.
func (a *Alarm) Wait() {
	<-a.timer.C
	a.at = Never
}

// Next is [Inlet.Next] with the alarm. In a drain it wakes the stage only when no item is at hand:
// items that came together leave together.
func (a *Alarm) Next(in *Inlet) (m Meta, ok, woken bool) {
	m, ok, woken = in.Next(a.timer.C)
	for woken && a.Short() && in.Poll() {
		a.timer.Reset(0)
		m, ok, woken = in.Next(a.timer.C)
	}
	if woken {
		a.wake()
	}
	return m, ok, woken
}

// wake finds out why the alarm rang.
func (a *Alarm) wake() {
	rings := a.run.rings.Load()
	a.early = rings != a.heard && !a.Short() && a.run.now() < a.at
	a.heard = rings
	switch {
	case !a.early:
		a.at = Never
	case a.at != Never:
		a.timer.Reset(time.Duration(a.at - a.run.now()))
		a.again()
	}
}

// Early reports that the alarm rang only because a [lineage.Lot] was called in. The time that
// was set is still in the future, and stays set.
func (a *Alarm) Early() bool { return a.early }

// ring rings all alarms of the run.
func (r *Run) ring() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rings.Add(1)
	for a := range r.alarms {
		a.timer.Reset(0)
	}
}

// Called reports whether the stage must not hold the item back, because its lot, or that of an item
// in it, was called in.
func (n *Node) Called(m *Meta) bool {
	return n.run.recall.Any() && m.trail.Receipt().Called()
}

// AnyCalled is [Node.Called] for the items at places of B.
func (in *Inlet) AnyCalled(from, to int) bool {
	if !in.node.run.recall.Any() {
		return false
	}
	for ; from < to; from++ {
		if in.B.Trail(from).Receipt().Called() {
			return true
		}
	}
	return false
}

// Recall is how the lots reach the stages of the run.
func (r *Run) Recall() *lineage.Recall { return &r.recall }

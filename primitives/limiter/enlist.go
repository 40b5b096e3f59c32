package limiter

import (
	"context"
	"time"
)

// Enlist is [Limiter.Wait] for a caller that does not block, such as an event loop. It
// returns at once. Either the call is admitted, or Enlist returns the error that Wait
// would return, or it returns a [Place] in the line. [Place.Waits] tells such a place
// from the zero Place.
//
// A call with a place waits like a call of Wait: in the same line, first come, first
// served. When its turn comes, the limiter takes the units and calls then, once, with
// nil. If [Limiter.Set] has made the burst smaller than the cost, it calls then with a
// [*CostError]. If [Place.Leave] gives the place up, the limiter never calls then.
//
// Enlist reads ctx and does not watch it. It returns a [*WaitError] if ctx has ended,
// or if the deadline of ctx would come first. If ctx ends later, the caller leaves.
//
// The limiter calls then without a lock, in a goroutine of its timer. It calls one
// function at a time, in the order of the line. This may happen before Enlist returns.
// A function that blocks delays the enlisted calls behind it, so it hands longer work
// to another goroutine. It may use the limiter. A panic of then ends the program, as in
// any function that [time.AfterFunc] calls. A nil then is refused with a [*CallError].
//
// A call that is admitted at once allocates nothing.
func (l *Limiter) Enlist(ctx context.Context, cost int, then func(error)) (Place, error) {
	deadline, hurried := ctx.Deadline()
	if err := ctx.Err(); err != nil {
		return Place{}, l.cancel(nil, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if then == nil {
		return Place{}, &CallError{Name: l.policy.name, Err: errNilThen}
	}
	if ok, err := l.enter(cost); ok || err != nil {
		return Place{}, err
	}
	if err := l.tooLate(deadline, hurried, cost); err != nil {
		return Place{}, err
	}
	w := &waiter{cost: cost, then: then}
	if l.line.push(w); l.line.head == w {
		l.callFirst()
	}
	return Place{l, w}, nil
}

// Place is the place of a call in the line of a limiter, see [Limiter.Enlist]. It is a
// small value. It may be copied, and used by any goroutine. The zero Place is the place
// of no call.
type Place struct {
	limiter *Limiter
	waiter  *waiter
}

// Waits reports whether Enlist has put the call into the line. The answer does not
// change when the wait ends.
func (p Place) Waits() bool { return p.waiter != nil }

// Leave gives the place up, and reports whether the call was still waiting. If it was,
// the limiter takes no units and never calls the call's function, and the [Snapshot]
// counts the call as cancelled. If not, the units are taken, and the limiter has called
// the function or will do so soon. Leave returns at once.
func (p Place) Leave() bool {
	l, w := p.limiter, p.waiter
	if w == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.queued {
		return false
	}
	l.cancelled++
	l.part(w)
	return true
}

// alarm is the timer of the limiter. It is set while an enlisted call is the first in
// line. Its goroutine calls the functions of the calls that are due, and ends.
//
// Guarded by: the limiter's lock.
type alarm struct {
	timer   *time.Timer // nil: the line is empty
	serving bool        // a goroutine calls a function, and will then look at the line
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// drop stops the timer and forgets it, because it must not go from one synctest bubble
// to another.
func (a *alarm) drop() {
	a.stop()
	a.timer = nil
}

// setAlarm sets the timer for w, which is the first in line. The lock is held.
func (l *Limiter) setAlarm(w *waiter) {
	if l.alarm.serving {
		return
	}
	l.advance()
	var d time.Duration // stays 0 if the burst is too small: the error is due
	if int64(w.cost) <= l.bucket.burst {
		d = l.nextLook(w.cost)
	}
	if l.alarm.timer == nil {
		l.alarm.timer = time.AfterFunc(d, l.ring)
	} else {
		l.alarm.timer.Reset(d)
	}
}

// The timer calls ring in a goroutine of its own. If an earlier goroutine still calls a function,
// that goroutine looks at the line afterwards, and ring returns.
func (l *Limiter) ring() {
	l.mu.Lock()
	busy := l.alarm.serving
	l.alarm.serving = true
	l.mu.Unlock()
	if !busy {
		l.serve()
	}
}

// serve calls the functions of the calls that are due. If one of them ends the
// goroutine, the others are called while that unwinds.
func (l *Limiter) serve() {
	finished := false
	defer func() {
		if !finished {
			l.serve()
		}
	}()
	for w, err := l.due(); w != nil; w, err = l.due() {
		w.then(err)
	}
	finished = true
}

// due takes the first call out of the line if it has enlisted and its turn has come. If
// not, the goroutine stops serving, and the timer is set for the next call. Both must
// be one step under the lock: a call that comes in between would wait forever.
func (l *Limiter) due() (*waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.line.head; w != nil && w.then != nil {
		if done, err := l.admitFirst(); done {
			return w, err
		}
	}
	l.alarm.serving = false
	l.callFirst()
	return nil, nil
}

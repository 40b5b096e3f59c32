package limiter

import (
	"context"
	"time"
)

// line has the waiting calls, in order. Only the first one waits for the clock. The others wait
// until it leaves. A call looks again when it becomes the first, and the first looks again when the
// rate changes.
//
// Guarded by: the limiter's lock.
type line struct {
	head, tail *waiter
	len        int
	units      float64 // the sum of the costs
}

// waiter is a call in line. It either blocks or has enlisted.
type waiter struct {
	cost       int
	look       chan struct{} // holds the request to look again, if the call blocks
	then       func(error)   // what to call, if the call has enlisted
	queued     bool
	prev, next *waiter
}

func (q *line) push(w *waiter) {
	w.prev, w.queued = q.tail, true
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.len++
	q.units += float64(w.cost)
}

func (q *line) remove(w *waiter) {
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queued = false
	q.len--
	q.units -= float64(w.cost)
	if q.len == 0 {
		q.units = 0 // a sum of costs of very different size leaves a rest
	}
}

// part takes w out of the line. The lock is held.
func (l *Limiter) part(w *waiter) {
	first := l.line.head == w
	l.line.remove(w)
	if first {
		l.callFirst()
	}
}

// callFirst makes the first call in line look again. It does not block. The lock is held.
func (l *Limiter) callFirst() {
	w := l.line.head
	switch {
	case w == nil:
		l.alarm.drop()
	case w.then != nil:
		l.setAlarm(w)
	default:
		l.alarm.stop()
		select {
		case w.look <- struct{}{}:
		default: // an earlier request is still there, and serves as well
		}
	}
}

// wait is the slow path of Wait.
func (l *Limiter) wait(ctx context.Context, cost int) error {
	deadline, hurried := ctx.Deadline()
	l.mu.Lock()
	l.advance() // the clock has gone on since the caller had the lock
	if err := l.tooLate(deadline, hurried, cost); err != nil {
		l.mu.Unlock()
		return err
	}
	w := &waiter{cost: cost, look: make(chan struct{}, 1)}
	l.line.push(w)
	l.mu.Unlock()
	var timer *time.Timer // stopped, or fired, when it is reset
	for {
		// The context comes first: if it has ended, the units are for a call that can
		// use them.
		if err := ctx.Err(); err != nil {
			return l.cancel(w, err)
		}
		d, done, err := l.attempt(w)
		if done {
			return err
		}
		var due <-chan time.Time
		if d > 0 {
			if timer == nil {
				timer = time.NewTimer(d)
				defer timer.Stop()
			} else {
				timer.Reset(d)
			}
			due = timer.C
		}
		select {
		case <-due:
		case <-w.look:
		case <-ctx.Done():
		}
	}
}

// tooLate refuses a call that would have to wait beyond its deadline. The lock is held,
// and the time is up to date.
func (l *Limiter) tooLate(deadline time.Time, hurried bool, cost int) error {
	after := l.expected(cost)
	if !hurried || after <= time.Until(deadline) {
		return nil
	}
	l.refused++
	return &WaitError{Name: l.policy.name, After: after, Err: context.DeadlineExceeded}
}

// attempt takes the units of w. If they are not there yet, it returns how long to wait,
// or 0 if w is not the first in line.
func (l *Limiter) attempt(w *waiter) (d time.Duration, done bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line.head != w {
		return 0, false, nil
	}
	if done, err = l.admitFirst(); done {
		return 0, true, err
	}
	return l.nextLook(w.cost), false, nil
}

// admitFirst takes the first call out of the line if its units are there, or if they
// can never be there. The lock is held.
func (l *Limiter) admitFirst() (done bool, err error) {
	w := l.line.head
	l.advance()
	if int64(w.cost) > l.bucket.burst { // since a new policy was set
		err = &CostError{Name: l.policy.name, Cost: w.cost, Burst: int(l.bucket.burst)}
	} else if !l.take(w.cost) {
		return false, nil
	}
	l.part(w)
	return true, err
}

// nextLook returns when the first in line looks again: when its units are there, or
// when the rate rises, if that is earlier.
func (l *Limiter) nextLook(cost int) time.Duration {
	d := l.bucket.after(l.last, int64(cost))
	if l.pace.slowed {
		d = min(d, max(l.pace.rise-l.last, 1))
	}
	return d
}

// cancel ends a call whose context has ended. w is nil if the call is not in line.
func (l *Limiter) cancel(w *waiter, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancelled++
	if w != nil {
		l.part(w)
	}
	return &WaitError{Name: l.policy.name, Err: err}
}

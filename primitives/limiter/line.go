package limiter

import (
	"context"
	"time"
)

// line is who waits, in order. Only the first one waits for the clock; the others
// wait for him to leave. Whoever becomes the first is called, and so is the first
// when the rate changes. It is guarded by the limiter's lock.
type line struct {
	head, tail *waiter
	len        int
	units      float64 // that all of them want
}

type waiter struct {
	cost       int
	called     chan struct{} // holds a call
	prev, next *waiter
}

func (q *line) push(w *waiter) {
	w.prev = q.tail
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.len++
	q.units += float64(w.cost)
}

// remove takes w out, and calls the one who is the first now.
func (q *line) remove(w *waiter) {
	if w.prev == nil {
		q.head = w.next
		q.call()
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	q.len--
	q.units -= float64(w.cost)
	if q.len == 0 {
		q.units = 0 // a sum of very unlike costs leaves a rest
	}
}

// call has the first one look again. It does not block.
func (q *line) call() {
	if q.head == nil {
		return
	}
	select {
	case q.head.called <- struct{}{}:
	default: // a call is under way, and will see what is new
	}
}

// wait is Wait for those who have to.
func (l *Limiter) wait(ctx context.Context, cost int) error {
	deadline, hurried := ctx.Deadline()
	l.mu.Lock()
	l.advance() // the clock has gone on since the caller had the lock
	if after := l.expected(cost); hurried && after > time.Until(deadline) {
		l.refused++
		err := &WaitError{Name: l.policy.name, After: after, Err: context.DeadlineExceeded}
		l.mu.Unlock()
		return err
	}
	w := &waiter{cost: cost, called: make(chan struct{}, 1)}
	l.line.push(w)
	l.mu.Unlock()
	var timer *time.Timer // stopped or fired wherever it is set
	for {
		// First, for it may have ended while the units came: they are for somebody
		// who can use them.
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
		case <-w.called:
		case <-ctx.Done():
		}
	}
}

// attempt takes what w waits for. Where that is not there yet it returns how long
// to wait, or 0 for those who are not the first.
func (l *Limiter) attempt(w *waiter) (d time.Duration, done bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line.head != w {
		return 0, false, nil
	}
	l.advance()
	switch {
	case int64(w.cost) > l.bucket.burst: // since a new policy was set
		err = &CostError{Name: l.policy.name, Cost: w.cost, Burst: int(l.bucket.burst)}
	case !l.take(w.cost):
		return l.nextLook(w.cost), false, nil
	}
	l.line.remove(w)
	return 0, true, err
}

// nextLook returns when the first in line looks again: when its units are there,
// or, where that is earlier, when the rate will have risen.
func (l *Limiter) nextLook(cost int) time.Duration {
	d := l.bucket.after(l.last, int64(cost))
	if l.pace.slowed {
		d = min(d, max(l.pace.rise-l.last, 1))
	}
	return d
}

// cancel ends a call whose context is over; w is nil where it is not in line.
func (l *Limiter) cancel(w *waiter, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancelled++
	if w != nil {
		l.line.remove(w)
	}
	return &WaitError{Name: l.policy.name, Err: err}
}

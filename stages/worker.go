package stages

import (
	"context"
)

const (
	// groupSize is how many items share clock reads at most.
	groupSize = 16
	// cheap is the mean work, in nanoseconds, below which items share them.
	cheap = 1000
	// calmLength is how many cheap items in a row it takes to begin with that.
	calmLength = 64
)

// pace decides how many items share a pair of clock reads; see [Timings].
type pace struct{ calm int }

// group returns the size of the next group.
func (p *pace) group() int {
	if p.calm < calmLength {
		return 1
	}
	return groupSize
}

// note learns from a group of n items that took ns in all.
func (p *pace) note(n int, ns int64) {
	if ns >= int64(n)*cheap {
		p.calm = 0
		return
	}
	p.calm = min(p.calm+n, calmLength)
}

// dropped marks, in place of a failure, an item that its function dropped.
var dropped = &ItemError{Err: ErrDrop}

// worker calls a function for groups of items: one goroutine's part of a Map.
type worker[I, O any] struct {
	rt   *Runtime
	node *Node
	f    func(context.Context, I) (O, error)
	pace pace
	buf  []Item[O] // the results of the group, one for one
	last int64     // when the last group ended, if the next begins then; else 0
	tally
	spoiled bool // not all of the group's results are healthy
}

// do calls the function for each healthy item of the group and returns the
// results in the same order: healthy, failed, or marked as dropped. The result
// is valid until the next call. Where the function ends its goroutine, done is
// called with the results before that happens.
func (w *worker[I, O]) do(group []Item[I], exiting func([]Item[O])) []Item[O] {
	w.buf, w.spoiled = w.buf[:0], false
	w.node.calls.Add(1)
	begin := w.last
	if begin == 0 {
		begin = w.rt.now()
	}
	for len(w.buf) < len(group) {
		w.attempt(group, exiting)
	}
	w.last = w.rt.now() // in an untimed run, too: the pace depends on it
	w.account(begin, w.last)
	return w.buf
}

// rest says whether the worker waited for anything since the last group: if it
// did not, the next one begins when that ended, which saves a clock read.
func (w *worker[I, O]) rest(waited bool) {
	if waited {
		w.last = 0
	}
}

// attempt goes on with the group until it is done or the function panics; a
// panic costs the one item that caused it. One deferred call serves many items.
func (w *worker[I, O]) attempt(group []Item[I], exiting func([]Item[O])) {
	finished := false
	defer func() {
		if finished {
			return
		}
		err := caught(w.node.name, recover())
		it := &group[len(w.buf)]
		w.fail(it, err)
		if err == ErrGoexit { //nolint:errorlint // our own value, as it is
			for i := len(w.buf); i < len(group); i++ {
				w.fail(&group[i], err)
			}
			w.account(w.rt.now(), w.rt.now())
			exiting(w.buf)
		}
	}()
	aborted := w.rt.aborted.Load()
	for i := len(w.buf); i < len(group); i++ {
		it := &group[i]
		if it.fault != nil || aborted {
			w.forward(it)
			continue
		}
		var v O
		var err error
		if l := it.trail.bounds(); l.bounded() {
			if late := l.over(w.rt); late != nil {
				w.expire(it, late)
				continue
			}
			v, err = timely(w.rt, l, w.f, it.Value)
		} else {
			v, err = w.f(w.rt.ctx, it.Value)
		}
		if err != nil {
			w.fail(it, err)
			continue
		}
		w.buf = append(w.buf, Item[O]{Value: v, trail: it.trail})
	}
	finished = true
}

// forward adds an item that the function does not get: it has failed before,
// or fails now because the flow is aborted.
func (w *worker[I, O]) forward(it *Item[I]) {
	w.spoiled = true
	fault := it.fault
	if fault == nil {
		w.in++
		w.failed++
		fault = w.rt.newItemError(w.node, w.rt.abortError(), 0, it.Value, it.trail)
	}
	w.buf = append(w.buf, Item[O]{fault: fault, trail: it.trail})
}

// expire adds an item that is too late for the function.
func (w *worker[I, O]) expire(it *Item[I], late error) {
	w.spoiled = true
	w.in++
	w.expired++
	fault := w.rt.newItemError(w.node, late, 0, it.Value, it.trail)
	w.buf = append(w.buf, Item[O]{fault: fault, trail: it.trail})
}

// fail adds an item for which the function returned an error.
func (w *worker[I, O]) fail(it *Item[I], err error) {
	w.spoiled = true
	switch {
	case it.fault != nil:
		w.forward(it)
	case isDrop(err):
		w.in++
		w.filtered++
		it.trail.release()
		w.buf = append(w.buf, Item[O]{fault: dropped})
	default:
		w.in++
		if isExpired(err) {
			w.expired++
		} else {
			w.failed++
		}
		fault := w.rt.newItemError(w.node, err, 1, it.Value, it.trail)
		w.buf = append(w.buf, Item[O]{fault: fault, trail: it.trail})
	}
}

// account books the group, which was worked on from begin to end, and adds the
// stage to the trails. Neighbours in a group follow each other without a gap.
func (w *worker[I, O]) account(begin, end int64) {
	w.node.calls.Add(-1)
	n, total := len(w.buf), end-begin
	w.pace.note(n, total)
	each := total / int64(n)
	if !w.spoiled {
		w.in += int64(n)
		w.out += int64(n)
		w.attempts += int64(n)
		if w.rt.timed {
			for i := range w.buf {
				if t := w.buf[i].trail; t != nil {
					w.wait += max(begin-t.left, 0)
					t.add(w.node, 1, begin, begin+each)
				}
				begin += each
			}
		}
	} else {
		w.sift(begin, each)
	}
	if w.rt.timed {
		w.work += total
		w.longest = max(w.longest, each)
	}
	w.publish(w.node)
}

// sift is account's part for a group of which not all is well.
func (w *worker[I, O]) sift(begin, each int64) {
	for i := range w.buf {
		it := &w.buf[i]
		if it.fault == nil {
			w.in++
			w.out++
		} else if it.fault == dropped || it.fault.Stage != w.node.name {
			continue
		}
		if it.trail != nil && w.rt.timed {
			w.wait += max(begin-it.trail.left, 0)
			it.trail.add(w.node, 1, begin, begin+each)
		}
		begin += each
		w.attempts++
	}
}

// compact removes the items that were dropped.
func compact[T any](items []Item[T]) []Item[T] {
	kept := items[:0]
	for _, it := range items {
		if it.fault != dropped {
			kept = append(kept, it)
		}
	}
	return kept
}

package stages

import (
	"context"
)

const (
	// groupSize is how many items share clock reads where they are cheap; where
	// they are much cheaper still, it is batchSize.
	groupSize = 16
	// cheap is the mean work, in nanoseconds, below which items share them.
	cheap = 1000
	// light is the mean work, in nanoseconds, of a batch that is done in some 8
	// microseconds.
	light = groupSize * cheap / batchSize / 2
	// slow is the work after which a stage has to show anew that it is cheap.
	slow = 100 * cheap
	// calmLength is how many cheap items in a row it takes to begin with that.
	calmLength = 64
)

// pace decides how many items share a pair of clock reads; see [Timings]. It also
// knows what an item costs, and whether that is steady enough for [fusion].
type pace struct {
	calm  int   // cheap items in a row, up to calmLength
	mean  int64 // nanoseconds an item, of late
	proof int   // how many items there must be before the stage may be fused
}

// newPace returns the pace of a stage that nothing is known of.
func newPace() pace { return pace{proof: calmLength} }

// group returns the size of the next group, whose items share a clock read.
func (p *pace) group() int {
	if p.calm < calmLength {
		return 1
	}
	return groupSize
}

// share is group for items that come in batches: as many as are done in some 8
// microseconds.
func (p *pace) share() int {
	if p.light() {
		return batchSize
	}
	return p.group()
}

// light reports whether an item costs much less than cheap, and has for a while.
func (p *pace) light() bool { return p.calm == calmLength && p.mean < light }

// batch returns how many items may be worked on, in groups, before any of them
// is handed on. After one that was not cheap it grows: a quarter of what has been
// cheap in a row since.
func (p *pace) batch() int {
	if p.calm < calmLength {
		return max(p.calm/4, 1)
	}
	return p.share()
}

// note learns from a group of n items that took ns in all.
func (p *pace) note(n int, ns int64) {
	each := ns / int64(n)
	p.mean += (min(each, groupSize*cheap) - p.mean) / 8
	p.proof = max(p.proof-n, 0)
	if each >= slow {
		p.proof = calmLength
	}
	if ns >= int64(min(n, groupSize))*cheap {
		p.calm = 0
		return
	}
	p.calm = min(p.calm+n, calmLength)
}

// load is what an item costs in a goroutine that does the work of several
// stages; heavy where it is not known, or was much not long ago.
func (p *pace) load() int64 {
	if p.proof > 0 {
		return heavy
	}
	return p.mean
}

// dropped marks, in place of a failure, an item that its function dropped.
var dropped = &ItemError{Err: ErrDrop}

// worker calls a function for groups of items: one goroutine's part of a Map.
type worker[I, O any] struct {
	rt      *Runtime
	node    *Node
	f       func(context.Context, I) (O, error)
	pace    pace
	buf     []Item[O] // the results of the items, one for one
	done    int       // how many of them there are
	from    int       // the first of the group
	last    int64     // when the last group ended, if the next begins then; else 0
	tally   tally
	spoiled bool // not all of the results are healthy
	final   bool // the items leave the flow here, and nobody asks for their trails
}

func newWorker[I, O any](in *Inlet[I], f func(context.Context, I) (O, error)) worker[I, O] {
	return worker[I, O]{rt: in.rt, node: in.node, f: f, pace: newPace()}
}

// do calls the function for each healthy item and returns the results in the
// same order: healthy, failed, or marked as dropped. Of more than a group of
// items it may leave the last ones, where those before were not cheap. The
// result is valid until the next call. Where the function ends its goroutine,
// exiting is called before that happens, with the results so far, and how many items are left.
func (w *worker[I, O]) do(items []Item[I], exiting func(results []Item[O], rest int)) []Item[O] {
	if cap(w.buf) < len(items) {
		w.buf = make([]Item[O], max(len(items), groupSize))
	}
	w.buf = w.buf[:cap(w.buf)]
	w.done, w.spoiled = 0, false
	w.node.calls.Add(1)
	begin := w.last
	if begin == 0 {
		begin = w.rt.now()
	}
	for w.done < len(items) {
		w.from = w.done
		to := min(w.from+w.pace.share(), len(items))
		for w.done < to {
			attempt(w, items, to, exiting)
		}
		end := w.rt.now() // in an untimed run, too: the pace depends on it
		account(w, begin, end)
		begin = end
		if w.pace.calm == 0 {
			break
		}
	}
	w.last = begin
	w.node.calls.Add(-1)
	w.tally.publish(w.node)
	return w.buf[:w.done]
}

// rested says whether the worker waited for anything since the last group: if it
// did not, the next one begins when that ended, which saves a clock read.
func rested[I, O any](w *worker[I, O], waited bool) {
	if waited {
		w.last = 0
	}
}

// attempt goes on with the items up to the to-th, until they are done or the
// function panics; a panic costs the one item that caused it. One deferred call
// serves many items.
func attempt[I, O any](w *worker[I, O], items []Item[I], to int, exiting func([]Item[O], int)) {
	finished := false
	defer func() {
		if !finished {
			recoverItem(w, items, caught(w.node.name, recover()), exiting)
		}
	}()
	aborted := w.rt.aborted.Load()
	ctx, f, buf := w.rt.ctx, w.f, w.buf
	for i := w.done; i < to; i++ {
		it := &items[i]
		if it.fault != nil || aborted {
			forwardItem(w, it)
			continue
		}
		if it.trail.limited() {
			workTimely(w, it)
			continue
		}
		v, err := f(ctx, it.Value)
		if err != nil {
			failItem(w, it, err)
			continue
		}
		buf[i] = Item[O]{Value: v, trail: it.trail}
		w.done = i + 1
	}
	finished = true
}

// recoverItem fails the item whose function panicked. Where it ended the goroutine, the
// others are left to another.
func recoverItem[I, O any](w *worker[I, O], items []Item[I], err error, exiting func([]Item[O], int)) {
	failItem(w, &items[w.done], err)
	if err == ErrGoexit { //nolint:errorlint // our own value, as it is
		now := w.rt.now()
		account(w, now, now)
		w.node.calls.Add(-1)
		w.tally.publish(w.node)
		exiting(w.buf[:w.done], len(items)-w.done)
	}
}

// putResult adds a result that is not healthy.
func putResult[I, O any](w *worker[I, O], r Item[O]) {
	w.spoiled = true
	w.buf[w.done] = r
	w.done++
}

// workTimely calls the function for an item that has limits.
func workTimely[I, O any](w *worker[I, O], it *Item[I]) {
	l := it.trail.bounds()
	if late := l.over(w.rt); late != nil {
		expireItem(w, it, late)
		return
	}
	v, err := timely(w.rt, l, w.f, it.Value)
	if err != nil {
		failItem(w, it, err)
		return
	}
	w.buf[w.done] = Item[O]{Value: v, trail: it.trail}
	w.done++
}

// forwardItem adds an item that the function does not get: it has failed before,
// or fails now because the flow is aborted.
func forwardItem[I, O any](w *worker[I, O], it *Item[I]) {
	fault := it.fault
	if fault == nil {
		w.tally.in++
		w.tally.failed++
		fault = w.rt.newItemError(w.node, w.rt.abortError(), 0, it.Value, it.trail)
	}
	putResult(w, Item[O]{fault: fault, trail: it.trail})
}

// expireItem adds an item that is too late for the function.
func expireItem[I, O any](w *worker[I, O], it *Item[I], late error) {
	w.tally.in++
	w.tally.expired++
	fault := w.rt.newItemError(w.node, late, 0, it.Value, it.trail)
	putResult(w, Item[O]{fault: fault, trail: it.trail})
}

// failItem adds an item for which the function returned an error.
func failItem[I, O any](w *worker[I, O], it *Item[I], err error) {
	switch {
	case it.fault != nil:
		forwardItem(w, it)
	case isDrop(err):
		w.tally.in++
		w.tally.filtered++
		it.trail.release()
		putResult(w, Item[O]{fault: dropped})
	default:
		w.tally.in++
		if isExpired(err) {
			w.tally.expired++
		} else {
			w.tally.failed++
		}
		fault := w.rt.newItemError(w.node, err, 1, it.Value, it.trail)
		putResult(w, Item[O]{fault: fault, trail: it.trail})
	}
}

// account books the group, which was worked on from begin to end, and adds the
// stage to the trails. Neighbours in a group follow each other without a gap.
func account[I, O any](w *worker[I, O], begin, end int64) {
	group := w.buf[w.from:w.done]
	n, total := int64(len(group)), end-begin
	w.pace.note(len(group), total)
	each := total / n
	if !w.spoiled {
		w.tally.in += n
		w.tally.out += n
		w.tally.attempts += n
		if w.rt.timed {
			markGroup(w, group, begin, each)
		}
	} else {
		sift(w, group, begin, each)
	}
	if w.rt.timed {
		w.tally.work += total
		w.tally.longest = max(w.tally.longest, each)
	}
}

// markGroup adds the stage to the trails of a group: what [trail.add] does, at a third
// of the price, as neighbours have their trails in the same slab.
func markGroup[I, O any](w *worker[I, O], group []Item[O], begin, each int64) {
	var slab *slab
	var spans []span
	var waited int64
	path, node := 0, w.node.index
	for i := range group {
		t := group[i].trail
		if t == nil {
			begin += each
			continue
		}
		wait := max(begin-t.left, 0)
		waited += wait
		begin += each
		if w.final {
			continue
		}
		t.left = begin
		if t.slab != slab {
			slab = t.slab
			spans, path = slab.spans, slab.path
		}
		if n := int(t.n); n < path {
			spans[int(t.place)*path+n] = span{wait: wait, work: each, node: node, attempts: 1}
			t.n++
		}
	}
	w.tally.wait += waited
}

// sift is account's part for a group of which not all is well.
func sift[I, O any](w *worker[I, O], group []Item[O], begin, each int64) {
	for i := range group {
		it := &group[i]
		if it.fault == nil {
			w.tally.in++
			w.tally.out++
		} else if it.fault == dropped || it.fault.Stage != w.node.name {
			continue
		}
		if it.trail != nil && w.rt.timed {
			w.tally.wait += max(begin-it.trail.left, 0)
			it.trail.add(w.node, 1, begin, begin+each)
		}
		begin += each
		w.tally.attempts++
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

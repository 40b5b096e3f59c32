package stages

import (
	"iter"
	"time"
)

// Inlet is the receiving end of an edge. It belongs to one goroutine.
//
// It hands out healthy items. Those that have failed before skip the stage: the
// inlet passes them to the stage's outlet, in their place among the items, and
// the stage never sees them (but see [FailureTaker]). When the flow is aborted
// the inlet fails every item that is left and reports the end of the stream,
// so a stage needs no code for that.
type Inlet[T any] struct {
	rt    *Runtime
	node  *Node
	edge  *edge[Item[T]]
	joint *joint
	over  bool      // the stream has ended
	hand  []Item[T] // the batch at hand
	pos   int       // what of it has been handed out
	takes bool      // the stage takes failures
	books *books    // of a stage that takes its own times; else nil
	slept bool      // the owner has been blocked since it last asked
	woke  int64     // when it went on; 0 where that is not known

	// bypass is where failed items go; nil at a sink, where there is no way on.
	bypass func(*ItemError, *trail)
}

// Next returns the next item. It blocks until there is one and returns false
// at the end of the stream.
func (in *Inlet[T]) Next() (Item[T], bool) {
	it, s := waitFor(in, nil)
	return it, s == ready
}

// All ranges over the items until the end of the stream.
func (in *Inlet[T]) All() iter.Seq[Item[T]] {
	return func(yield func(Item[T]) bool) {
		for {
			it, ok := in.Next()
			if !ok || !yield(it) {
				return
			}
		}
	}
}

// NextOr is Next that also wakes up when wake delivers, for stages with a
// timer: then woken is true and there is no item. At the end of the stream
// both ok and woken are false.
func (in *Inlet[T]) NextOr(wake <-chan time.Time) (it Item[T], ok, woken bool) {
	it, s := waitFor(in, wake)
	return it, s == ready, s == empty
}

// waitFor returns the next item the stage should see, or empty when woken.
func waitFor[T any](in *Inlet[T], wake <-chan time.Time) (Item[T], state) {
	for {
		if in.pos == len(in.hand) {
			if s := refill(in, wake); s != ready {
				return Item[T]{}, s
			}
		}
		if it, ok := takeNext(in); ok {
			return it, ready
		}
	}
}

// takeNext returns the next item at hand, unless it does not concern the stage.
// There must be one at hand.
func takeNext[T any](in *Inlet[T]) (Item[T], bool) {
	it := in.hand[in.pos]
	in.pos++
	if skips(in, &it) {
		return it, false
	}
	if it.trail != nil && in.books == nil {
		it.trail.began = in.rt.now()
	}
	return it, true
}

// skips reports whether the item does not concern the stage, and if so sends it
// its way. A healthy item is counted. After an abort it becomes a failed one,
// except where a sink delivers results: what is done is delivered.
func skips[T any](in *Inlet[T], it *Item[T]) bool {
	if !it.failed() {
		if in.books != nil {
			in.books.in++
		} else {
			in.node.in.Add(1)
		}
		if !in.rt.aborted.Load() || in.takes && in.bypass == nil {
			return false
		}
		in.node.failed.Add(1)
		it.fault = in.rt.newItemError(in.node, in.rt.abortError(), 0, it.Value, it.trail)
	}
	if in.takes {
		return false
	}
	passBy(in, it.fault, it.trail)
	return true
}

// books are what a stage of this package, which takes its own times, has done
// with the batch at hand: clock reads and atomics per batch, not per item.
type books struct {
	tally
	left releases // trails that have left the flow
}

// settleBooks publishes the books where there are any.
func settleBooks[T any](in *Inlet[T]) {
	if in.books != nil {
		in.books.publish(in.node)
		in.books.left.flush()
	}
}

// refill takes the next batch, at the price of the one before.
func refill[T any](in *Inlet[T], wake <-chan time.Time) state {
	used := in.hand
	in.hand, in.pos = nil, 0
	settleBooks(in)
	select {
	case <-wake: // a stage that is never idle has its timer, too
		in.hand, in.pos = used, len(used)
		return empty
	default:
	}
	b, s := poll(in.edge, used)
	if s == empty {
		b, s = block(in, wake)
	}
	in.hand = b
	in.over = s == ended
	return s
}

// block waits for the next batch, and books how long.
func block[T any](in *Inlet[T], wake <-chan time.Time) ([]Item[T], state) {
	e := in.edge
	since := in.rt.stamp()
	e.drySince.Store(since)
	b, s := receive(e, wake)
	claim(&e.level)
	for s == ready && len(b) == 0 {
		if b, s = poll(e, nil); s == empty { // somebody else was here
			b, s = receive(e, wake)
			claim(&e.level)
		}
	}
	in.slept, in.woke = true, in.rt.stamp()
	wasDry(&e.level, in.woke-since)
	return b, s
}

// wokenAt reports whether the inlet has blocked since the last call, and until when.
func wokenAt[T any](in *Inlet[T]) (at int64, blocked bool) {
	blocked, in.slept = in.slept, false
	return in.woke, blocked
}

// receive blocks until there is a batch on the channel, the stream has ended, or
// wake delivers.
func receive[E any](e *edge[E], wake <-chan time.Time) ([]E, state) {
	var b []E
	ok := false
	if wake == nil { // a select costs more
		b, ok = <-e.ch
	} else {
		select {
		case b, ok = <-e.ch:
		case <-wake:
			return nil, empty
		}
	}
	if !ok {
		return nil, ended
	}
	return b, ready
}

// group hands out up to n items of the batch at hand, failed ones among them,
// and blocks until there is a batch. It returns nil at the end of the stream.
func (in *Inlet[T]) group(n int) []Item[T] {
	if in.pos == len(in.hand) && refill(in, nil) != ready {
		return nil
	}
	from := in.pos
	in.pos = min(from+n, len(in.hand))
	return in.hand[from:in.pos]
}

// giveBack takes back the last n items that group has handed out.
func giveBack[T any](in *Inlet[T], n int) { in.pos -= n }

// atHand returns how many items are at hand.
func atHand[T any](in *Inlet[T]) int { return len(in.hand) - in.pos }

// pollInlet is refill that does not block. Nothing may be at hand.
func pollInlet[T any](in *Inlet[T]) state {
	if in.over {
		return ended
	}
	used := in.hand
	in.hand, in.pos = nil, 0
	b, s := poll(in.edge, used)
	in.hand, in.over = b, s == ended
	return s
}

// channelOf returns where the next batch comes from, nil where none will.
func channelOf[T any](in *Inlet[T]) <-chan []Item[T] {
	if in.over {
		return nil
	}
	return in.edge.ch
}

// pending reports whether there is an item at hand, without taking it.
func pending[T any](in *Inlet[T]) bool { return in.pos < len(in.hand) }

// Fail accounts for it as failed with err, or as expired where that is
// [ErrExpired]: it leaves the stage as a failed item. At a sink there is no way
// on, and the run stops with that failure.
func (in *Inlet[T]) Fail(it Item[T], err error) {
	if isExpired(err) {
		in.node.expired.Add(1)
	} else {
		in.node.failed.Add(1)
	}
	passBy(in, in.rt.newItemError(in.node, err, 1, it.Value, it.trail), it.trail)
}

// abandonItem fails an item that was taken by group and that nobody works on.
func abandonItem[T any](in *Inlet[T], it Item[T], err error) {
	if it.failed() {
		passBy(in, it.fault, it.trail)
		return
	}
	in.node.in.Add(1)
	in.Fail(it, err)
}

// passBy sends a failed item past the stage.
func passBy[T any](in *Inlet[T], fault *ItemError, t *trail) {
	if in.bypass != nil {
		in.bypass(fault, t)
		return
	}
	// The flag may be late, and an abort is no refusal. Nor is the way back.
	if in.rt.ctx.Err() == nil && !(t.receipt() != nil && isHandedBack(fault)) {
		in.rt.refuse(fault)
	}
	t.leave(fault)
}

// Drop accounts for it as dropped on purpose.
func (in *Inlet[T]) Drop(it Item[T]) {
	if it.failed() {
		in.node.recovered.Add(1)
	}
	in.node.filtered.Add(1)
	it.trail.release()
}

// Fold accounts for it as a part of another item, which the stage sends on or
// holds. A source that waits for it hears when the other is done.
func (in *Inlet[T]) Fold[U any](it Item[T], into *Item[U]) {
	if b := in.books; b != nil {
		b.folded++
		if into.trail != nil && into.trail.plain() && it.trail.plain() {
			b.left.add(it.trail)
			return
		}
	} else {
		in.node.folded.Add(1)
	}
	if into.trail == nil {
		into.trail = it.trail
		return
	}
	if it.trail == nil { // and so without a deadline
		into.trail.limit(0)
		into.trail.has &^= hasCaller
	} else {
		it.trail.fold(into.trail)
		it.trail.release()
	}
}

// Recover makes a failed item healthy again, with v as its value. It is for
// stages that take failures; the item still has to be accounted for.
func (in *Inlet[T]) Recover(it Item[T], v T) Item[T] {
	in.node.recovered.Add(1)
	return Item[T]{Value: v, trail: it.trail}
}

// DeadLetter accounts for a failed item as put aside for good.
func (in *Inlet[T]) DeadLetter(it Item[T]) {
	in.node.recovered.Add(1)
	in.node.deadLetter.Add(1)
	it.trail.receipt().bury()
	it.trail.release()
}

// Done accounts for an item that a sink has accepted, or, where the sink takes
// failures, for a failed item that it has delivered as such.
func (in *Inlet[T]) Done(it Item[T]) {
	if it.failed() {
		it.trail.leave(it.fault)
		return
	}
	in.node.out.Add(1)
	it.trail.release()
}

// Timings returns the timings of an item that is about to leave the flow: the
// stages passed so far, and the time since its entry. It allocates.
func (in *Inlet[T]) Timings(it Item[T]) Timings {
	var a archive
	return a.timings(in.rt, it.trail, in.rt.stamp())
}

// finish accounts for what the stage left in its inlet, and waits until the
// stages above have ended.
func (in *Inlet[T]) finish(err error) {
	in.takes = false // whoever took failures has returned
	if !in.over && err == nil {
		in.rt.forgo(in.joint)
	}
	for {
		it, ok := in.Next()
		if !ok {
			return
		}
		if err != nil {
			in.Fail(it, err)
			continue
		}
		in.Drop(it)
	}
}

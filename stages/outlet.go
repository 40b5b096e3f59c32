package stages

import "sync"

// Outlet is the sending end of an edge. Any number of goroutines may send; the
// order of the items is the order of the calls.
type Outlet[T any] struct {
	rt     *Runtime
	node   *Node
	edge   *edge[Item[T]]
	joint  *joint
	source bool // the node brings items from outside

	mu   sync.Mutex // guards mint
	mint mint
}

// Send hands it on. It blocks while the edge is full, which is how backpressure
// reaches the stage. It always succeeds: what is below takes every item or is
// accounted for by the flow.
func (out *Outlet[T]) Send(it Item[T]) {
	if !it.failed() {
		out.node.out.Add(1)
		timeItem(out, it.trail)
	}
	put(out.edge, it)
}

// timeItem records the stage in the trail: it worked from when the inlet handed
// the item out until now.
func timeItem[T any](out *Outlet[T], t *trail) {
	if t == nil || !out.rt.timed {
		return
	}
	end := out.rt.now()
	work := tally{attempts: 1, wait: t.began - t.left, work: end - t.began, longest: end - t.began}
	t.add(out.node, 1, t.began, end)
	work.publish(out.node)
}

// sendLate is Send for an item that has only waited in the stage.
func sendLate[T any](out *Outlet[T], it Item[T]) {
	if t := it.trail; t != nil {
		t.began = out.rt.now()
	}
	out.Send(it)
}

// Derive hands on v as an item of its own that continues the lineage of it. The
// stage still has to account for it, also where it derived many.
func (out *Outlet[T]) Derive[P any](it Item[P], v T) {
	out.mu.Lock()
	t := out.mint.child(it.trail)
	out.mu.Unlock()
	out.node.derived.Add(1)
	out.node.out.Add(1)
	if t != nil {
		t.add(out.node, 1, t.began, out.rt.now())
	}
	put(out.edge, Item[T]{Value: v, trail: t})
}

// Emit brings v into the flow: what sources do. It blocks while the edge is
// full. It returns false, and has not taken v, only when the flow is aborted;
// a source should then return. A source that is asked to stop sees the end of
// its context instead, and what it emits until it returns is still taken.
func (out *Outlet[T]) Emit(v T) bool {
	if !openFor(out) {
		return false
	}
	now := out.rt.stamp()
	out.mu.Lock()
	t := out.mint.trail(now)
	out.mu.Unlock()
	countIn(out, 1)
	put(out.edge, Item[T]{Value: v, trail: t})
	return true
}

// openFor waits while the source is paused. It reports whether values are taken.
func openFor[T any](out *Outlet[T]) bool {
	if p := out.node.paused.Load(); p != nil {
		waitResumed(out, *p)
	}
	return !out.rt.aborted.Load()
}

// waitResumed blocks until the source may go on. A source that is to stop may, too:
// what it has taken from elsewhere belongs to the flow.
func waitResumed[T any](out *Outlet[T], resumed <-chan struct{}) {
	if stopping(out) {
		return
	}
	select {
	case <-resumed:
	case <-out.rt.intake.Done():
	}
}

// emitter is Emit for a source with a single goroutine: what others would have
// to guard is its own. It must be ended.
type emitter[T any] struct {
	out  *Outlet[T]
	mint mint
	to   lessee[Item[T]]
	n    int64 // emitted and not yet counted

	pace   pace
	born   int64 // the last clock read
	shared int   // how many items have that time
	share  int   // how many more may
}

func newEmitter[T any](out *Outlet[T]) emitter[T] {
	return emitter[T]{out: out, mint: out.rt.mint(), to: lessee[Item[T]]{edge: out.edge}, pace: newPace()}
}

// emit is [Outlet.Emit].
func emit[T any](e *emitter[T], v T) bool {
	if !openFor(e.out) {
		return false
	}
	e.n++
	it := Item[T]{Value: v, trail: e.mint.trail(stampNext(e))}
	var idle, waited bool
	if e.out.rt.abandoned == nil {
		idle, waited = putRented(&e.to, it)
	} else { // a source that is left behind may come back when the edge is closed
		idle, waited = put(e.out.edge, it)
	}
	if idle || waited {
		e.share, e.shared = 0, 0 // what went by was not the source's
	}
	if idle || e.n == batchSize {
		countEmitted(e)
	}
	return true
}

// stampNext returns when the item at hand was born. Items that follow each other
// closely share a clock read, as they do in a stage; see [Timings]. An item for
// which the receiver was already waiting gets a read of its own: the source has
// paused.
func stampNext[T any](e *emitter[T]) int64 {
	if e.mint.depot == nil {
		return 0
	}
	if e.share > 0 && !e.out.edge.hungry.Load() {
		e.share--
		e.shared++
		return e.born
	}
	now := e.out.rt.now()
	if e.shared > 0 {
		e.pace.note(e.shared, now-e.born)
	}
	e.born, e.shared, e.share = now, 1, e.pace.share()-1
	return now
}

func countEmitted[T any](e *emitter[T]) {
	countIn(e.out, e.n)
	e.n = 0
}

func endEmitter[T any](e *emitter[T]) {
	endLease(&e.to)
	countEmitted(e)
	e.mint.retire()
}

// emitAll is Emit for values that came together. It may take some of them
// before it returns false.
func emitAll[T any](out *Outlet[T], vs []T) bool {
	var buf [batchSize]Item[T]
	for len(vs) > 0 {
		if !openFor(out) {
			return false
		}
		n := min(len(vs), out.edge.size) // what is counted is on its way
		now := out.rt.stamp()
		out.mu.Lock()
		for i, v := range vs[:n] {
			buf[i] = Item[T]{Value: v, trail: out.mint.trail(now)}
		}
		out.mu.Unlock()
		countIn(out, int64(n))
		putAll(out.edge, buf[:n])
		vs = vs[n:]
	}
	return true
}

// stopping reports whether the intake has been stopped, for all or for this
// source.
func stopping[T any](out *Outlet[T]) bool { return out.rt.stopped.Load() || out.node.unwanted.Load() }

// countIn books n items that were brought in.
func countIn[T any](out *Outlet[T], n int64) {
	if out.source {
		out.node.in.Add(n)
	} else {
		out.node.derived.Add(n)
	}
	out.node.out.Add(n)
}

// sendAll hands on a stage's results. It does not count them. It reports
// whether it had to wait for room.
func (out *Outlet[T]) sendAll(items []Item[T]) (waited bool) {
	return len(items) > 0 && putAll(out.edge, items)
}

// offer is sendAll for a stage whose goroutine may do the work of the stage
// below, see [offer] of the edge.
func (out *Outlet[T]) offer(items []Item[T], limit, now int64) (last, below int64) {
	if len(items) == 0 {
		return now, 0
	}
	return offer(out.edge, items, limit, now)
}

// pass sends on an item that has failed, here or further up.
func (out *Outlet[T]) pass(fault *ItemError, t *trail) {
	put(out.edge, Item[T]{fault: fault, trail: t})
}

// close ends the stream below.
func (out *Outlet[T]) close() {
	out.mu.Lock()
	out.mint.retire()
	out.mu.Unlock()
	closeEdge(out.edge)
}

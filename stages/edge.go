package stages

// batchSize is how many items share one channel operation at most. Larger
// batches gain little: at 64 the channel's cost is already 2-4 ns an item.
const batchSize = 64

// edge carries values of one type from its senders to its receiver, in order
// and bounded. It is a Go channel of small batches, with one batch in the
// making beside it.
//
// A sender adds to the batch in the making and sends it when it is full, or at
// once when the receiver is idle. The receiver, before it blocks, takes what is
// in the making. So a value is always within the receiver's reach: it never
// waits for company, nor for its sender to come back from slow user code, and
// under load up to 64 values share the price of a channel operation.
//
// Sending on the channel never blocks, although it is done under the mutex. A
// batch is sent when it is full, of which the bound admits bound/size, or when
// the receiver is idle, which it says only when channel and pending are empty,
// and which the sending revokes: one. Closing sends at most one more.
type edge[E any] struct {
	ch      chan []E
	pending []E   // accepted, not yet in ch
	spare   [][]E // emptied batches to be used again
	rented  []E   // the batch of a sender with a [lease], with all its room; nil where there is none

	// work does the receiver's work on values until all are done, or a guest
	// should leave; it keeps *done up to date. It begins at the time now and
	// returns when it ended; either is 0 where it is not known. It is nil where
	// only the receiver can do it. It is set by the receiver, while it has the turn.
	work func(values []E, done *int, now int64) int64

	lost func(E) // takes what is put after the end; nil where nothing is

	level
}

// newEdge returns an edge that holds at most bound values. Batches are at most
// half of the bound, so that one can be filled while another is worked on.
func newEdge[E any](bound int) *edge[E] { return newEdgeOf[E](bound, batchSize) }

// newEdgeOf is newEdge with batches of up to most values.
func newEdgeOf[E any](bound, most int) *edge[E] {
	size := min(most, max(1, bound/2))
	return &edge[E]{
		ch:      make(chan []E, bound/size+2),
		pending: make([]E, 0, size),
		level:   level{room: make(chan struct{}, 1), bound: bound, size: size},
	}
}

// put hands v on. It blocks while the edge is full. Any number of goroutines
// may call it. It reports whether the receiver was idle, and whether it had to
// wait for room.
func put[E any](e *edge[E], v E) (idle, waited bool) {
	e.mu.Lock()
	if e.depth >= e.bound {
		waitForRoom(&e.level)
		waited = true
	}
	if e.closed {
		e.mu.Unlock()
		lose(e, v)
		return false, waited
	}
	e.depth++
	e.pending = append(e.pending, v)
	idle = e.idle
	if idle || len(e.pending) >= e.size {
		hand(e)
	}
	passRoom(&e.level)
	e.mu.Unlock()
	return idle, waited
}

// putAll hands the values on in order, as put would one by one. It reports
// whether it had to wait for room.
func putAll[E any](e *edge[E], vs []E) (waited bool) {
	e.mu.Lock()
	for len(vs) > 0 {
		if e.depth >= e.bound {
			waitForRoom(&e.level)
			waited = true
		}
		if e.closed {
			e.mu.Unlock()
			lose(e, vs...)
			return waited
		}
		n := min(len(vs), e.bound-e.depth, e.size-len(e.pending))
		e.depth += n
		e.pending = append(e.pending, vs[:n]...)
		vs = vs[n:]
		handFull(e)
	}
	passRoom(&e.level)
	e.mu.Unlock()
	return waited
}

// lose takes what came after the end, from a stage that was left behind.
func lose[E any](e *edge[E], vs ...E) {
	if e.lost != nil {
		for _, v := range vs {
			e.lost(v)
		}
	}
}

// hand sends the batch in the making. The mutex is held.
func hand[E any](e *edge[E]) {
	if e.bell && len(e.pending) < e.size {
		ring(e)
		return
	}
	rouse(&e.level)
	e.called = e.guest
	e.ch <- e.pending
	e.pending = blank(e)
}

// ring sends an empty batch to a receiver that is idle: it takes what there is
// when it runs, which most often is more by then. The mutex is held.
func ring[E any](e *edge[E]) {
	rouse(&e.level)
	e.called = e.guest
	e.ch <- nil
}

// handFull sends the batch in the making where it is full, or the receiver idle.
// The mutex is held.
func handFull[E any](e *edge[E]) {
	if len(e.pending) >= e.size || len(e.pending) > 0 && e.idle {
		hand(e)
	}
}

// blank returns an empty batch. The mutex is held.
func blank[E any](e *edge[E]) []E {
	if n := len(e.spare); n > 0 {
		b := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return b
	}
	return make([]E, 0, e.size)
}

// closeEdge ends the stream: the receiver gets what is left and then the end. What is
// put afterwards is lost, see [edge.lost].
func closeEdge[E any](e *edge[E]) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	if len(e.pending) > 0 {
		rouse(&e.level)
		e.ch <- e.pending
		e.pending = nil
	}
	close(e.ch)
}

// state is what the receiver finds on an edge.
type state int

const (
	empty state = iota // nothing now
	ready              // a batch
	ended              // nothing, and nothing will come
)

// poll gives back the receiver's used batch and returns the next one if there
// is any. If there is none the edge is told that the receiver is idle, and the
// caller must receive from ch before it polls again, or poll again at once.
func poll[E any](e *edge[E], used []E) ([]E, state) {
	e.mu.Lock()
	defer e.mu.Unlock()
	retire(e, used)
	for len(e.ch) > 0 {
		select {
		case b := <-e.ch:
			if len(b) > 0 {
				return b, ready
			}
		default: // whoever is here in place of a stage that is stuck was quicker
		}
	}
	if b := gather(e); b != nil {
		return b, ready
	}
	if e.closed {
		return nil, ended
	}
	e.idle = true
	e.hungry.Store(true)
	if b := gather(e); b != nil { // a sender may just have missed it
		rouse(&e.level)
		return b, ready
	}
	return nil, empty
}

// steal is poll for another than the receiver, who must give the batch back. Where
// there is none, it reports whether the receiver has none either.
func steal[E any](e *edge[E]) (b []E, none bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.ch) > 0 {
		select {
		case b := <-e.ch:
			if len(b) > 0 {
				return b, false
			}
		default:
		}
	}
	return gather(e), e.depth == 0
}

// returnStolen takes back a batch that was stolen.
func returnStolen[E any](e *edge[E], b []E) {
	e.mu.Lock()
	defer e.mu.Unlock()
	retire(e, b)
}

// gather returns the batch in the making, nil where it is empty. The mutex is
// held.
func gather[E any](e *edge[E]) []E {
	takeRented(e)
	if len(e.pending) == 0 {
		return nil
	}
	b := e.pending
	e.pending = blank(e)
	return b
}

// retire takes the receiver's used batch back and frees its room. The mutex is
// held.
func retire[E any](e *edge[E], used []E) {
	if len(used) == 0 {
		return
	}
	e.depth -= len(used)
	clear(used)                   // the batch must not keep its values alive
	if len(e.spare) < cap(e.ch) { // as many as may be under way: else a burst allocates
		e.spare = append(e.spare, used[:0])
	}
	passRoom(&e.level)
}

// nextBatch is poll that blocks until there is a batch or the stream has ended.
func nextBatch[E any](e *edge[E], used []E) ([]E, bool) {
	b, s := poll(e, used)
	for s == empty {
		b, ok := <-e.ch
		if !ok || len(b) > 0 {
			return b, ok
		}
		if b, s = poll(e, nil); s == ready {
			return b, true
		}
	}
	return b, s == ready
}

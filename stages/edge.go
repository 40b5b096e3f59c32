package stages

import (
	"sync"
	"sync/atomic"
	"time"
)

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
	ch    chan []E
	room  chan struct{} // a token here wakes one sender that waits for room
	bound int
	size  int

	mu      sync.Mutex
	pending []E   // accepted, not yet in ch
	spare   [][]E // emptied batches to be used again
	depth   int   // accepted and not yet finished by the receiver
	idle    bool  // the receiver found nothing and is about to block
	waiting int   // senders that wait for room
	closed  bool
	bell    bool // the receiver expects to be woken by an empty batch

	lost func(E) // takes what is put after the end; nil where nothing is

	fusion[E]
	lease[E]

	full  time.Duration // how long any sender has waited for room
	since time.Time     // and waits now

	dry      atomic.Int64 // nanoseconds that the receiver has waited
	drySince atomic.Int64 // and waits now; 0 where it does not
}

// newEdge returns an edge that holds at most bound values. Batches are at most
// half of the bound, so that one can be filled while another is worked on.
func newEdge[E any](bound int) *edge[E] { return newEdgeOf[E](bound, batchSize) }

// newEdgeOf is newEdge with batches of up to most values.
func newEdgeOf[E any](bound, most int) *edge[E] {
	size := min(most, max(1, bound/2))
	return &edge[E]{
		ch:      make(chan []E, bound/size+2),
		room:    make(chan struct{}, 1),
		bound:   bound,
		size:    size,
		pending: make([]E, 0, size),
	}
}

// put hands v on. It blocks while the edge is full. Any number of goroutines
// may call it. It reports whether the receiver was idle, and whether it had to
// wait for room.
func (e *edge[E]) put(v E) (idle, waited bool) {
	e.mu.Lock()
	if e.depth >= e.bound {
		e.waitForRoom()
		waited = true
	}
	if e.closed {
		e.mu.Unlock()
		e.lose(v)
		return false, waited
	}
	e.depth++
	e.pending = append(e.pending, v)
	idle = e.idle
	if idle || len(e.pending) >= e.size {
		e.hand()
	}
	e.pass()
	e.mu.Unlock()
	return idle, waited
}

// putAll hands the values on in order, as put would one by one. It reports
// whether it had to wait for room.
func (e *edge[E]) putAll(vs []E) (waited bool) {
	e.mu.Lock()
	for len(vs) > 0 {
		if e.depth >= e.bound {
			e.waitForRoom()
			waited = true
		}
		if e.closed {
			e.mu.Unlock()
			e.lose(vs...)
			return waited
		}
		n := min(len(vs), e.bound-e.depth, e.size-len(e.pending))
		e.depth += n
		e.pending = append(e.pending, vs[:n]...)
		vs = vs[n:]
		e.handFull()
	}
	e.pass()
	e.mu.Unlock()
	return waited
}

// lose takes what came after the end, from a stage that was left behind.
func (e *edge[E]) lose(vs ...E) {
	if e.lost != nil {
		for _, v := range vs {
			e.lost(v)
		}
	}
}

// hand sends the batch in the making. The mutex is held.
func (e *edge[E]) hand() {
	if e.bell && len(e.pending) < e.size {
		e.ring()
		return
	}
	e.rouse()
	e.called = e.guest
	e.ch <- e.pending
	e.pending = e.blank()
}

// ring sends an empty batch to a receiver that is idle: it takes what there is
// when it runs, which most often is more by then. The mutex is held.
func (e *edge[E]) ring() {
	e.rouse()
	e.called = e.guest
	e.ch <- nil
}

// handFull sends the batch in the making where it is full, or the receiver idle.
// The mutex is held.
func (e *edge[E]) handFull() {
	if len(e.pending) >= e.size || len(e.pending) > 0 && e.idle {
		e.hand()
	}
}

// blank returns an empty batch. The mutex is held.
func (e *edge[E]) blank() []E {
	if n := len(e.spare); n > 0 {
		b := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return b
	}
	return make([]E, 0, e.size)
}

// waitForRoom blocks until the edge is below its bound. The mutex is held on
// entry and on return, but not while it blocks.
func (e *edge[E]) waitForRoom() {
	if e.waiting == 0 {
		e.since = time.Now()
	}
	for e.depth >= e.bound {
		e.waiting++
		e.mu.Unlock()
		<-e.room
		e.mu.Lock()
		e.waiting--
	}
	if e.waiting == 0 {
		e.full += time.Since(e.since)
	}
}

// pass wakes another waiting sender while there is room: the receiver leaves a
// single token however much it has freed. The mutex is held.
func (e *edge[E]) pass() {
	if e.waiting > 0 && e.depth < e.bound {
		select {
		case e.room <- struct{}{}:
		default:
		}
	}
}

// close ends the stream: the receiver gets what is left and then the end. What is
// put afterwards is lost, see [edge.lost].
func (e *edge[E]) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	if len(e.pending) > 0 {
		e.rouse()
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
func (e *edge[E]) poll(used []E) ([]E, state) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retire(used)
	for len(e.ch) > 0 {
		select {
		case b := <-e.ch:
			if len(b) > 0 {
				return b, ready
			}
		default: // whoever is here in place of a stage that is stuck was quicker
		}
	}
	if b := e.gather(); b != nil {
		return b, ready
	}
	if e.closed {
		return nil, ended
	}
	e.idle = true
	e.hungry.Store(true)
	if b := e.gather(); b != nil { // a sender may just have missed it
		e.rouse()
		return b, ready
	}
	return nil, empty
}

// gather returns the batch in the making, nil where it is empty. The mutex is
// held.
func (e *edge[E]) gather() []E {
	e.collect()
	if len(e.pending) == 0 {
		return nil
	}
	b := e.pending
	e.pending = e.blank()
	return b
}

// retire takes the receiver's used batch back and frees its room. The mutex is
// held.
func (e *edge[E]) retire(used []E) {
	if len(used) == 0 {
		return
	}
	e.depth -= len(used)
	clear(used)                   // the batch must not keep its values alive
	if len(e.spare) < cap(e.ch) { // as many as may be under way: else a burst allocates
		e.spare = append(e.spare, used[:0])
	}
	e.pass()
}

// next is poll that blocks until there is a batch or the stream has ended.
func (e *edge[E]) next(used []E) ([]E, bool) {
	b, s := e.poll(used)
	for s == empty {
		b, ok := <-e.ch
		if !ok || len(b) > 0 {
			return b, ok
		}
		if b, s = e.poll(nil); s == ready {
			return b, true
		}
	}
	return b, s == ready
}

// wasDry books how long the receiver has waited.
func (e *edge[E]) wasDry(ns int64) {
	e.dry.Add(ns)
	e.drySince.Store(0)
}

// share has the edge report room on wake, which other edges of the same sender
// use, too. No other sender may use the edge, and wake has room for one token.
func (e *edge[E]) share(wake chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.room = wake
}

// free returns how many values the edge has room for.
func (e *edge[E]) free() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return max(e.bound-e.depth+e.unused(), 0)
}

// await adds n to the senders that wait for room, and reports whether there is
// none.
func (e *edge[E]) await(n int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == 0 {
		e.since = time.Now()
	}
	if e.waiting += n; e.waiting == 0 {
		e.full += time.Since(e.since)
	}
	return e.depth >= e.bound
}

package stages

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/weir-go/weir/primitives/outcome"
)

// turns is where the exchanges of a layer wait, in order, each for what it needs to
// go on, which a goroutine of its own gets for one after the other. One whose caller
// has gone, or whose time is up, leaves at once, wherever it stands; what is got for
// it all the same is given back.
//
// Its methods are for the layer's goroutine.
type turns[I, P any] struct {
	port    *Port[I]
	get     func(context.Context, *turn[I, P]) (P, error) // blocks until its context ends
	giveUp  func(P)                                       // of what was got in vain
	waiting int                                           // those in line, or on their way back
	bySlot  []*turn[I, P]
	ctx     context.Context // ends when nobody waits any more
	cancel  context.CancelFunc
	done    chan struct{} // the goroutine has returned; nil until there is one

	mu          sync.Mutex
	first, last *turn[I, P] // those in line whose turn has not begun
	closed      bool
	more        chan struct{} // holds a token where there is something new
}

// turn is the wait of one exchange. It has a copy of all that is needed: once the
// flow is aborted, or the item has left, the exchange belongs to others.
type turn[I, P any] struct {
	limit
	x          *Exchange[I]
	cost       int
	next, prev *turn[I, P]
	inLine     bool        // guarded by the mutex of turns
	settled    atomic.Bool // it is on its way back, or has left: whichever came first
	got        P
	err        error
}

func newTurns[I, P any](p *Port[I], get func(context.Context, *turn[I, P]) (P, error), giveUp func(P)) *turns[I, P] {
	return &turns[I, P]{port: p, get: get, giveUp: giveUp, bySlot: make([]*turn[I, P], p.Capacity()), more: make(chan struct{}, 1)}
}

// join puts x at the end of the line.
func (q *turns[I, P]) join(x *Exchange[I], cost int) {
	t := &turn[I, P]{x: x, cost: cost, limit: x.limit}
	q.bySlot[x.slot] = t
	q.waiting++
	q.push(t)
	if q.done == nil {
		q.ctx, q.cancel = context.WithCancel(q.port.Context())
		q.done = make(chan struct{})
		go q.run()
	}
}

// back returns what x has waited for, when it comes back.
func (q *turns[I, P]) back(x *Exchange[I]) (P, error) {
	t := q.bySlot[x.slot]
	q.bySlot[x.slot] = nil
	q.waiting--
	return t.got, t.err
}

// leave sends x up, out of the line, unless it is on its way back. Nobody has called
// the service for it.
func (q *turns[I, P]) leave(x *Exchange[I], why error) {
	t := q.bySlot[x.slot]
	if !t.settled.CompareAndSwap(false, true) {
		return
	}
	q.remove(t) // or its turn has begun, which ends with its context
	q.bySlot[x.slot] = nil
	q.waiting--
	x.Reject(outcome.AsIgnored(why))
	q.port.Up(x)
}

// close ends the goroutine, and gives up what was got for exchanges that the section
// had taken back meanwhile. Whoever is still in line is one of them.
func (q *turns[I, P]) close() {
	if q.done == nil {
		return
	}
	q.mu.Lock()
	q.closed, q.first, q.last = true, nil, nil
	q.mu.Unlock()
	q.cancel()
	q.call()
	<-q.done
	for slot, t := range q.bySlot {
		if q.bySlot[slot] = nil; t != nil && t.settled.Load() && t.err == nil {
			q.giveUp(t.got)
		}
	}
}

// run serves one after the other. Where user code ends the goroutine, which fails
// the item that it was called for, what is deferred goes on.
func (q *turns[I, P]) run() {
	returned := false
	defer func() {
		if !returned {
			q.run()
			return
		}
		close(q.done)
	}()
	for t := q.begin(); t != nil; t = q.begin() {
		q.serve(t)
	}
	returned = true
}

// begin takes the first of the line. It blocks until there is one, and returns nil
// when there will be none.
func (q *turns[I, P]) begin() *turn[I, P] {
	for {
		q.mu.Lock()
		t, closed := q.first, q.closed
		q.mu.Unlock()
		switch {
		case t != nil && q.remove(t):
			return t
		case t == nil && closed:
			return nil
		case t == nil:
			<-q.more
		}
	}
}

// serve gets what t waits for. A panic ends the run, as that of a layer does.
func (q *turns[I, P]) serve(t *turn[I, P]) {
	ctx, cancel := contextOf(&t.limit, q.ctx, q.port.rt.base)
	defer cancel()
	got, err := protectOr(q.port.node, func() (P, error) { return q.get(ctx, t) }, func() {
		q.fault(ErrGoexit)
		var none P
		q.settle(t, none, ErrGoexit)
	})
	if isPanic(err) {
		q.fault(err)
	}
	q.settle(t, got, blame(&t.limit, q.port.rt, err))
}

// settle sends x back with what was got for it, or gives that up where x has left.
func (q *turns[I, P]) settle(t *turn[I, P], got P, err error) {
	t.got, t.err = got, err
	if t.settled.CompareAndSwap(false, true) {
		q.port.Resume(t.x)
		return
	}
	if err == nil {
		_, err = protectOr(q.port.node, func() (struct{}, error) { q.giveUp(got); return struct{}{}, nil }, func() { q.fault(ErrGoexit) })
		if err != nil {
			q.fault(err)
		}
	}
}

func (q *turns[I, P]) fault(err error) { q.port.rt.failLayer(q.port.node, err) }

func (q *turns[I, P]) push(t *turn[I, P]) {
	q.mu.Lock()
	t.inLine, t.prev = true, q.last
	if q.last == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
	q.mu.Unlock()
	q.call()
}

// call has the goroutine look at what is new. It does not block.
func (q *turns[I, P]) call() {
	select {
	case q.more <- struct{}{}:
	default: // a call is under way
	}
}

// remove takes t out of the line, and reports whether it was there.
func (q *turns[I, P]) remove(t *turn[I, P]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.inLine {
		return false
	}
	t.inLine = false
	if t.prev == nil {
		q.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		q.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	return true
}

package stages

import "sync/atomic"

// lease lets an edge that has one sender take values without its mutex: the
// sender rents a batch, with room for all of it, fills it, and says after each
// value how far it is. The receiver, when it finds nothing else, takes what is
// there. So a value costs the sender one atomic operation, and is within the
// receiver's reach at once.
type lease struct {
	let   int // how many values the sender's batch has room for
	taken int // how many of it the receiver has taken already

	_      apart
	filled atomic.Int64 // how many of it there are, written by the sender
	hungry atomic.Bool  // the receiver is idle, for a look without the mutex
	_      apart
}

// apart keeps what one goroutine writes for every value out of the cache lines of
// what others write, and of their neighbours, which processors fetch together.
type apart [128]byte

// unused is how many values the sender has room for in its batch. The mutex is
// held.
func unused(l *level) int { return l.let - int(l.filled.Load()) }

// lessee is the sender's side of a lease. It belongs to one goroutine, which must
// end it; nobody else may put values on the edge meanwhile.
type lessee[E any] struct {
	edge  *edge[E]
	batch []E // as rented
	n     int // filled
}

// putRented hands v on as [put] does.
func putRented[E any](l *lessee[E], v E) (idle, waited bool) {
	e := l.edge
	if l.n == len(l.batch) {
		waited = renew(l)
	}
	l.batch[l.n] = v
	l.n++
	e.filled.Store(int64(l.n))
	// The receiver says that it is idle and then looks once more; this looks the
	// other way round, so that one of them sees the other.
	if e.hungry.Load() {
		idle = feed(l)
	}
	return idle, waited
}

// feed wakes the receiver where it is idle and there is what it has not taken.
func feed[E any](l *lessee[E]) bool {
	e := l.edge
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.idle || e.taken == l.n {
		return false
	}
	ring(e)
	return true
}

// renew hands the full batch on and rents another, which has at least room for
// one value. It blocks while the edge is full.
func renew[E any](l *lessee[E]) (waited bool) {
	e := l.edge
	e.mu.Lock()
	defer e.mu.Unlock()
	returnRented(l)
	if e.depth >= e.bound {
		waitForRoom(&e.level)
		waited = true
	}
	n := min(e.size, e.bound-e.depth)
	e.depth += n
	l.batch, l.n = blank(e)[:n], 0
	e.rented, e.let, e.taken = l.batch, n, 0
	e.filled.Store(0)
	return waited
}

// endLease gives the batch back: what is in it, to the receiver.
func endLease[E any](l *lessee[E]) {
	l.edge.mu.Lock()
	defer l.edge.mu.Unlock()
	returnRented(l)
}

func returnRented[E any](l *lessee[E]) {
	e := l.edge
	if l.batch == nil {
		return
	}
	e.depth -= unused(&e.level)
	rest := copy(l.batch, l.batch[e.taken:l.n])
	clear(l.batch[rest:])
	e.rented, e.let, e.taken = nil, 0, 0
	e.filled.Store(0)
	if len(e.pending) == 0 {
		e.pending, l.batch = l.batch[:rest], e.pending
		rest = 0
	}
	for vs := l.batch[:rest]; len(vs) > 0; {
		n := min(len(vs), e.size-len(e.pending))
		e.pending = append(e.pending, vs[:n]...)
		vs = vs[n:]
		handFull(e)
	}
	handFull(e)
	clear(l.batch[:rest])
	e.spare = append(e.spare, l.batch[:0])
	l.batch, l.n = nil, 0
}

// takeRented moves what the receiver may take of the sender's batch to the batch in
// the making, as far as that has room. The mutex is held.
func takeRented[E any](e *edge[E]) {
	n := min(int(e.filled.Load())-e.taken, e.size-len(e.pending))
	if n > 0 {
		vs := e.rented[e.taken:][:n]
		e.pending = append(e.pending, vs...)
		clear(vs)
		e.taken += n
	}
}

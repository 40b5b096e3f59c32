package stages

import "sync/atomic"

// lease lets an edge that has one sender take values without its mutex: the
// sender rents a batch, with room for all of it, fills it, and says after each
// value how far it is. The receiver, when it finds nothing else, takes what is
// there. So a value costs the sender one atomic operation, and is within the
// receiver's reach at once.
type lease[E any] struct {
	rented []E // the sender's batch, with all its room; nil where there is none
	taken  int // how many of it the receiver has taken already

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
func (l *lease[E]) unused() int { return len(l.rented) - int(l.filled.Load()) }

// lessee is the sender's side of a lease. It belongs to one goroutine, which must
// end it; nobody else may put values on the edge meanwhile.
type lessee[E any] struct {
	edge  *edge[E]
	batch []E // as rented
	n     int // filled
}

// put hands v on as [edge.put] does.
func (l *lessee[E]) put(v E) (idle, waited bool) {
	e := l.edge
	if l.n == len(l.batch) {
		waited = l.renew()
	}
	l.batch[l.n] = v
	l.n++
	e.filled.Store(int64(l.n))
	// The receiver says that it is idle and then looks once more; this looks the
	// other way round, so that one of them sees the other.
	if e.hungry.Load() {
		idle = l.feed()
	}
	return idle, waited
}

// feed wakes the receiver where it is idle and there is what it has not taken.
func (l *lessee[E]) feed() bool {
	e := l.edge
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.idle || e.taken == l.n {
		return false
	}
	e.ring()
	return true
}

// renew hands the full batch on and rents another, which has at least room for
// one value. It blocks while the edge is full.
func (l *lessee[E]) renew() (waited bool) {
	e := l.edge
	e.mu.Lock()
	defer e.mu.Unlock()
	l.returnLocked()
	if e.depth >= e.bound {
		e.waitForRoom()
		waited = true
	}
	n := min(e.size, e.bound-e.depth)
	e.depth += n
	l.batch, l.n = e.blank()[:n], 0
	e.rented, e.taken = l.batch, 0
	e.filled.Store(0)
	return waited
}

// end gives the batch back: what is in it, to the receiver.
func (l *lessee[E]) end() {
	l.edge.mu.Lock()
	defer l.edge.mu.Unlock()
	l.returnLocked()
}

func (l *lessee[E]) returnLocked() {
	e := l.edge
	if l.batch == nil {
		return
	}
	e.depth -= e.unused()
	rest := copy(l.batch, l.batch[e.taken:l.n])
	clear(l.batch[rest:])
	e.rented, e.taken = nil, 0
	e.filled.Store(0)
	if len(e.pending) == 0 {
		e.pending, l.batch = l.batch[:rest], e.pending
		rest = 0
	}
	for vs := l.batch[:rest]; len(vs) > 0; {
		n := min(len(vs), e.size-len(e.pending))
		e.pending = append(e.pending, vs[:n]...)
		vs = vs[n:]
		e.handFull()
	}
	e.handFull()
	clear(l.batch[:rest])
	e.spare = append(e.spare, l.batch[:0])
	l.batch, l.n = nil, 0
}

// collect moves what the receiver may take of the sender's batch to the batch in
// the making, as far as that has room. The mutex is held.
func (e *edge[E]) collect() {
	n := min(int(e.filled.Load())-e.taken, e.size-len(e.pending))
	if n > 0 {
		vs := e.rented[e.taken:][:n]
		e.pending = append(e.pending, vs...)
		clear(vs)
		e.taken += n
	}
}

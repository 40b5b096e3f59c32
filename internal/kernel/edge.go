package kernel

import (
	"sync"
	"sync/atomic"
	"time"
)

// States of an edge: who does the work of the receiving node.
const (
	busy    int32 = iota // the receiver's goroutine works, or is about to
	hungry               // no goroutine works: the receiver's is parked, the edge is empty
	visited              // the sender does the receiver's work
	owed                 // as visited, and the receiver's goroutine waits for its turn
)

// Edge carries items from one node to the next, in order, and holds at most bound of
// them. It is a linked list of batches: one sender appends to the last one, one
// receiver reads the first one. Neither takes a lock for an item.
//
// See the package documentation for the memory order.
type Edge struct {
	from, to *Node
	Columns  Columns
	bound    int
	most     int // places of a batch, at most
	detached bool

	// The sender's half. Owner: the goroutine that has the turn of node from, or the
	// holder of the outlet's mutex.
	_    apart
	tail *Batch
	n    int   // places of tail that are used
	size int   // places of the next new batch
	sent int64 // items ever
	seen int64 // done, when last looked at

	// The receiver's half. Owner: the goroutine that has the turn of node to.
	_    apart
	head *Batch
	pos  int   // places of head that are done
	took int64 // items ever done

	// Both halves.
	_        apart
	state    atomic.Int32
	done     atomic.Int64 // took, published
	want     atomic.Int64 // the sender sleeps until done is that; 0 if it does not sleep
	closed   atomic.Bool
	unwanted atomic.Bool // no stage below takes what comes
	last     atomic.Pointer[Batch]
	wake     chan struct{} // a token for the receiver's goroutine
	room     chan struct{} // a token for the sender

	// Figures for snapshots.
	fused     atomic.Bool
	full      atomic.Int64 // nanoseconds that the sender has waited for room
	fullSince atomic.Int64 // and waits now, since then; 0 if it does not wait
	dry       atomic.Int64 // nanoseconds that the receiver has waited for items
	drySince  atomic.Int64

	mu    sync.Mutex // Guarded by: mu, taken once a batch
	spare []*Batch
}

// apart keeps what two cores write out of each other's cache lines.
type apart [128]byte

// firstSize is how many places the first batch of an edge has. Each further new batch
// has twice as many as the one before: a flow of few items costs little memory.
const firstSize = 8

func newEdge(from, to *Node, bound int, columns Columns) *Edge {
	e := &Edge{
		from: from, to: to, Columns: columns, bound: bound,
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	e.most = min(columns.Most, max(1, bound/2))
	e.size = min(firstSize, e.most)
	e.tail = e.blank()
	e.head = e.tail
	e.last.Store(e.tail)
	return e
}

// ---- The sender's half

// Reserve returns the batch to append to, the place, and the number of items for
// which there is room. It blocks while the edge is full. If wait is false it returns
// no room instead.
func (e *Edge) Reserve(wait bool) (b *Batch, at, room int) {
	free := e.free(e.most)
	for free <= 0 {
		if !wait {
			return nil, 0, 0
		}
		e.awaitRoom()
		free = e.free(e.most)
	}
	if e.n == e.tail.size() {
		e.push(e.blank())
	}
	return e.tail, e.n, min(free, e.tail.size()-e.n)
}

// free returns the number of items for which there is room. It looks at the
// receiver's progress only if less than enough is known to be free.
func (e *Edge) free(enough int) int {
	free := e.bound - int(e.sent-e.seen)
	if free < enough {
		e.seen = e.done.Load()
		free = e.bound - int(e.sent-e.seen)
	}
	return free
}

// Commit publishes the next k places of tail, which the sender has written.
func (e *Edge) Commit(k int) {
	e.n += k
	e.sent += int64(k)
	e.tail.filled.Store(e.sent)
}

// push makes b, which is empty, the last batch.
func (e *Edge) push(b *Batch) {
	old := e.tail
	b.first = e.sent
	b.filled.Store(e.sent)
	e.tail, e.n = b, 0
	old.next.Store(b)
	e.last.Store(b)
}

// awaitRoom blocks until half of a large bound is free, so that a sender that is faster than
// its receiver is woken twice a bound and not once an item. Of a small bound any room will do.
func (e *Edge) awaitRoom() {
	began := time.Now()
	e.fullSince.Store(e.from.run.At(began))
	want := e.sent - int64(e.bound/2)
	if e.bound < BatchSize {
		want = e.sent - int64(e.bound) + 1
	}
	e.want.Store(want)
	if e.done.Load() < want || !e.want.CompareAndSwap(want, 0) {
		<-e.room
	}
	e.seen = e.done.Load()
	e.full.Add(int64(time.Since(began)))
	e.fullSince.Store(0)
}

// Notify tells the receiver about items that were committed. If the receiver is idle
// and costs less than limit nanoseconds an item, the sender does its work. Then notify
// returns when that work ended, and what an item costs there, 0 if some were left. The
// work begins at now, which is 0 if that is not known.
func (e *Edge) Notify(limit, now int64) (last, below int64) {
	if e.state.Load() != hungry {
		return now, 0
	}
	if e.to.load.Load() < limit && e.state.CompareAndSwap(hungry, visited) {
		if !e.fused.Load() {
			e.fused.Store(true)
		}
		return e.to.visit(e, now)
	}
	e.rouse()
	return now, 0
}

// rouse wakes the receiver's goroutine if it is parked.
func (e *Edge) rouse() {
	if e.state.Load() == hungry && e.state.CompareAndSwap(hungry, busy) {
		if e.fused.Load() {
			e.fused.Store(false)
		}
		e.token()
	}
}

// token wakes the receiver's goroutine, which is parked or about to park.
//
// Invariant: each token belongs to one change of state to busy by a sender or visitor.
// Must not: be called without one. A goroutine that finds a token takes itself for the
// owner of the receiver's half.
func (e *Edge) token() { e.wake <- struct{}{} }

// leave ends a visit. rest says that items are left for the receiver's goroutine.
func (e *Edge) leave(rest bool) {
	if !rest { // both halves are the visitor's: start anew, in memory that is warm
		e.restart()
	}
	if rest || !e.state.CompareAndSwap(visited, hungry) {
		e.state.Store(busy)
		e.token()
	}
}

// restart makes the only batch, of which all is done, empty again.
func (e *Edge) restart() {
	b := e.head
	if e.n == b.size() && b.size() < e.most {
		b = e.blank()
		b.filled.Store(e.sent)
		e.head, e.tail = b, b
		e.last.Store(b)
	} else {
		b.Reset()
	}
	b.first = e.sent
	e.n, e.pos = 0, 0
}

// close ends the stream.
func (e *Edge) close() {
	e.closed.Store(true)
	e.rouse()
}

// ---- The receiver's half

// view returns the published places that are not done yet, of one batch, or nil.
func (e *Edge) view() (b *Batch, from, to int) {
	for {
		b = e.head
		if to = b.count(); to > e.pos {
			return b, e.pos, to
		}
		next := b.next.Load()
		if next == nil {
			return nil, 0, 0
		}
		if to = b.count(); to > e.pos { // published just before it was followed
			return b, e.pos, to
		}
		e.head, e.pos = next, 0
		e.recycle(b)
	}
}

// Await is view that blocks until there is something, the stream has ended (b is nil),
// or late delivers (woken).
func (e *Edge) Await(late <-chan time.Time) (b *Batch, from, to int, woken bool) {
	select {
	case <-late: // a stage that is never idle has its timer, too
		return nil, 0, 0, true
	default:
	}
	for {
		if b, from, to = e.view(); b != nil {
			return b, from, to, false
		}
		if e.closed.Load() {
			b, from, to = e.view()
			return b, from, to, false
		}
		if e.park(late) {
			return nil, 0, 0, true
		}
	}
}

// park blocks until there may be something, or late delivers, which it reports.
func (e *Edge) park(late <-chan time.Time) (woken bool) {
	if !e.rest() {
		return false
	}
	defer e.slept()
	if late == nil { // a select costs more
		<-e.wake
		return false
	}
	select {
	case <-e.wake:
		return false
	case <-late:
		e.retake()
		return true
	}
}

// slept books how long the receiver was parked since rest.
func (e *Edge) slept() {
	if since := e.drySince.Swap(0); since != 0 {
		e.dry.Add(e.to.run.now() - since)
	}
}

// rest gives the receiver's work away. It returns false, and has not, if there is
// something.
func (e *Edge) rest() bool {
	b, seen := e.head, e.head.first+int64(e.pos)
	if e.to.run.timed {
		e.drySince.Store(e.to.run.now())
	}
	e.state.Store(hungry)
	// From here on a visitor may have the receiver's half, and use b again for later items:
	// then its position is larger, which is also a reason to look again.
	there := b.filled.Load() > seen || b.next.Load() != nil || e.closed.Load()
	if there && e.state.CompareAndSwap(hungry, busy) {
		e.drySince.Store(0)
		return false
	}
	return true
}

// retake takes the receiver's work back after rest, and waits for a visitor. A visit may end
// between two of its looks: then there is nothing to wait for.
func (e *Edge) retake() {
	for !e.state.CompareAndSwap(hungry, busy) {
		if e.state.CompareAndSwap(visited, owed) || e.state.Load() == busy {
			<-e.wake // from a visitor that leaves, or from the sender that set busy
			return
		}
	}
}

// Consume says that the next k places are done, which makes room.
func (e *Edge) Consume(k int) {
	if !e.detached {
		e.head.Vals.Clear(e.pos, e.pos+k)
	}
	e.pos += k
	e.took += int64(k)
	e.done.Store(e.took)
	if w := e.want.Load(); w != 0 && e.took >= w && e.want.CompareAndSwap(w, 0) {
		e.room <- struct{}{}
	}
}

// ---- Batches are used again

// blank returns an empty batch.
func (e *Edge) blank() *Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.spare); n > 0 {
		b := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return b
	}
	b := NewBatch(e.Columns, e.size)
	e.size = min(2*e.size, e.most)
	return b
}

// recycle takes a batch back that neither half needs any more. A batch that is smaller
// than new ones is left to the garbage collector.
func (e *Edge) recycle(b *Batch) {
	if b.size() < e.most || e.detached {
		return
	}
	b.Reset()
	b.next.Store(nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spare = append(e.spare, b)
}

// ---- From outside

// depth returns how many items are on the edge: sent, and not finished.
func (e *Edge) depth() int {
	done := e.done.Load()
	return int(max(0, e.last.Load().filled.Load()-done))
}

// crowded reports whether the sender waits for room.
func (e *Edge) crowded() bool { return e.want.Load() != 0 }

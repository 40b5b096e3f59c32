package stages

import (
	"context"
	"sync"
	"sync/atomic"
)

// trail is the lineage of an item: when it came, one span for each stage it has
// passed, and what few items have (see extras). Items of an untimed run have
// none, unless one of these needs it.
//
// Trails live in slabs of 64 that are used again when all 64 items have left
// the flow, so that timings cost no allocation in steady state. What is in
// flight is bounded by the edges, and so the slabs are. Every stage writes to
// each trail that it passes on: a trail is as small as can be.
type trail struct {
	born  int64 // when the item entered the flow
	left  int64 // when it left the stage before
	began int64 // when the present stage received it (stages outside this package)
	slab  *slab
	n     int32 // stages passed
	place uint8 // of the trail in its slab
	has   mark  // which of the extras are set
}

// mark tells which extras a trail has.
type mark uint8

const (
	hasReceipt mark = 1 << iota
	hasDeadline
	hasOrigin
	hasCaller
)

// extras are what few items have.
type extras struct {
	receipt  *receipt        // what the source waits for
	deadline int64           // by when the item must be done
	origin   memory          // the value as it was at Remember
	caller   context.Context // of who waits for the item's result
}

// span is one stage's entry in a trail; all times are nanoseconds.
type span struct {
	wait, work int64
	node       int32
	attempts   int32
}

// add records a stage that began at start and ended at end.
func (t *trail) add(node *Node, attempts int32, start, end int64) {
	t.note(span{wait: max(start-t.left, 0), work: end - start, node: node.index, attempts: attempts})
	t.left = end
}

// note records a stage. One that an item passes beyond what its slab has room
// for, which no graph can have, is not recorded.
func (t *trail) note(s span) {
	room := t.room()
	if int(t.n) < len(room) {
		room[t.n] = s
		t.n++
	}
}

// room is where the trail's spans are, and go.
func (t *trail) room() []span {
	path := t.slab.path
	return t.slab.spans[int(t.place)*path:][:path]
}

// spans returns the stages passed. It is nil where there is no trail.
func (t *trail) spans() []span {
	if t == nil {
		return nil
	}
	return t.room()[:t.n]
}

// extras returns the place of what few items have.
func (t *trail) extras() *extras {
	all := t.slab.extras.Load()
	if all == nil {
		t.slab.extras.CompareAndSwap(nil, new([slabSize]extras))
		all = t.slab.extras.Load()
	}
	return &all[t.place]
}

// deadline returns by when the item must be done, 0 for never. There may be no
// trail.
func (t *trail) deadline() int64 {
	if t == nil || t.has&hasDeadline == 0 {
		return 0
	}
	return t.extras().deadline
}

// limit sets the deadline; 0 is none.
func (t *trail) limit(deadline int64) {
	if deadline == 0 {
		t.has &^= hasDeadline
		return
	}
	t.has |= hasDeadline
	t.extras().deadline = deadline
}

// limited reports whether anything ends the work on the item. There may be no
// trail.
func (t *trail) limited() bool { return t != nil && t.has&(hasDeadline|hasCaller) != 0 }

// bounds returns what ends the work on the item. There may be no trail.
func (t *trail) bounds() limit {
	if t == nil || t.has&(hasDeadline|hasCaller) == 0 {
		return limit{}
	}
	l := limit{deadline: t.deadline(), late: ErrExpired}
	if t.has&hasCaller != 0 {
		l.caller = t.extras().caller
	}
	return l
}

// receipt returns what the item owes its source, nil where it owes nothing.
func (t *trail) receipt() *receipt {
	if t == nil || t.has&hasReceipt == 0 {
		return nil
	}
	return t.extras().receipt
}

// owe makes the item carry r, which may be nil.
func (t *trail) owe(r *receipt) {
	if r == nil {
		t.has &^= hasReceipt
		return
	}
	t.has |= hasReceipt
	t.extras().receipt = r
}

// plain reports that the trail has no extras. There may be no trail.
func (t *trail) plain() bool { return t == nil || t.has == 0 }

// release gives the trail back; the item has left the flow, and well.
func (t *trail) release() { t.leave(nil) }

// leave gives the trail back; the item has left the flow, with err where it
// failed for good.
func (t *trail) leave(err error) {
	if t == nil {
		return
	}
	if t.has != 0 {
		t.forget(err)
	}
	t.slab.release(1)
}

// forget ends the extras of an item that leaves the flow.
func (t *trail) forget(err error) {
	r := t.receipt()
	*t.extras() = extras{} // the slab must not keep values alive
	t.has = 0
	if r != nil {
		r.close(err)
	}
}

const slabSize = 64

// slab is a block of trails that is recycled as a whole.
type slab struct {
	live   atomic.Int32 // trails still in flight or not handed out yet
	home   *depot
	path   int                              // spans of a trail
	spans  []span                           // of trail i from i*path
	extras atomic.Pointer[[slabSize]extras] // nil until a trail has one
	trails [slabSize]trail
}

func (s *slab) release(n int32) {
	if s.live.Add(-n) == 0 {
		s.home.put(s)
	}
}

// depot keeps a run's idle slabs.
type depot struct {
	path int // spans a trail has room for: the longest path through the graph

	mu   sync.Mutex
	idle []*slab
}

func (d *depot) get() *slab {
	d.mu.Lock()
	if n := len(d.idle); n > 0 {
		s := d.idle[n-1]
		d.idle = d.idle[:n-1]
		d.mu.Unlock()
		s.live.Store(slabSize)
		return s
	}
	d.mu.Unlock()
	s := &slab{home: d, path: d.path, spans: make([]span, slabSize*d.path)}
	for i := range s.trails {
		s.trails[i] = trail{slab: s, place: uint8(i)}
	}
	s.live.Store(slabSize)
	return s
}

func (d *depot) put(s *slab) {
	d.mu.Lock()
	d.idle = append(d.idle, s)
	d.mu.Unlock()
}

// mint hands out trails. It belongs to one goroutine.
type mint struct {
	depot *depot // nil in an untimed run
	slab  *slab
	next  int
}

// mint returns a mint that makes trails in a timed run.
func (rt *Runtime) mint() mint {
	if rt.timed {
		return mint{depot: rt.depot}
	}
	return mint{}
}

// trail returns a trail for an item born at now, or nil in an untimed run.
func (m *mint) trail(now int64) *trail {
	if m.depot == nil {
		return nil
	}
	if m.slab == nil {
		m.slab, m.next = m.depot.get(), 0
	}
	t := &m.slab.trails[m.next]
	if m.next++; m.next == slabSize {
		m.slab = nil
	}
	t.born, t.left, t.n = now, now, 0
	return t
}

// child returns a trail that continues parent's history in an item of its own.
func (m *mint) child(parent *trail) *trail {
	if parent == nil {
		return nil
	}
	if m.depot == nil { // of an untimed run
		m.depot = parent.slab.home
	}
	t := m.trail(parent.born)
	t.left, t.began = parent.left, parent.began
	t.n = int32(copy(t.room(), parent.spans()))
	if parent.has != 0 {
		t.inherit(parent)
	}
	return t
}

// inherit shares parent's extras.
func (t *trail) inherit(parent *trail) {
	t.has = parent.has
	*t.extras() = *parent.extras()
	if m, ok := t.extras().origin.(*memories); ok {
		m.shared.Store(true)
	}
	if r := t.receipt(); r != nil {
		r.owed.Add(1)
	}
}

// retire gives back the trails that were never handed out.
func (m *mint) retire() {
	if m.slab != nil {
		m.slab.release(int32(slabSize - m.next))
		m.slab = nil
	}
}

// releases gives trails back in runs, since neighbours share a slab more often
// than not. It belongs to one goroutine, which must flush it before it rests.
type releases struct {
	slab *slab
	n    int32
}

func (r *releases) add(t *trail) {
	if t == nil {
		return
	}
	if t.has != 0 {
		t.forget(nil)
	}
	if t.slab != r.slab {
		r.flush()
		r.slab = t.slab
	}
	r.n++
}

func (r *releases) flush() {
	if r.n > 0 {
		r.slab.release(r.n)
	}
	r.slab, r.n = nil, 0
}

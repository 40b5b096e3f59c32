package stages

import (
	"sync"
	"sync/atomic"
)

// trail is the lineage of an item: when it came, and one span for each stage it
// has passed. Items of an untimed run have none.
//
// Trails live in slabs of 64 that are used again when all 64 items have left
// the flow, so that timings cost no allocation in steady state. What is in
// flight is bounded by the edges, and so the slabs are.
type trail struct {
	born  int64 // when the item entered the flow
	left  int64 // when it left the stage before
	began int64 // when the present stage received it (stages outside this package)
	slab  *slab
	spans []span

	receipt  *receipt // what the source waits for; nil where it does not
	deadline int64    // by when the item must be done; 0 for never
}

// span is one stage's entry in a trail; all times are nanoseconds.
type span struct {
	wait, work int64
	node       int32
	attempts   int32
}

// add records a stage that began at start and ended at end.
func (t *trail) add(node *Node, attempts int32, start, end int64) {
	t.spans = append(t.spans, span{wait: max(start-t.left, 0), work: end - start, node: node.index, attempts: attempts})
	t.left = end
}

// release gives the trail back; the item has left the flow, and well.
func (t *trail) release() { t.leave(nil) }

// leave gives the trail back; the item has left the flow, with err where it
// failed for good.
func (t *trail) leave(err error) {
	if t == nil {
		return
	}
	if r := t.receipt; r != nil {
		t.receipt = nil
		r.close(err)
	}
	t.slab.release(1)
}

const slabSize = 64

// slab is a block of trails that is recycled as a whole.
type slab struct {
	live   atomic.Int32 // trails still in flight or not handed out yet
	home   *depot
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
	s := &slab{home: d}
	spans := make([]span, slabSize*d.path)
	for i := range s.trails {
		s.trails[i] = trail{slab: s, spans: spans[i*d.path : i*d.path : (i+1)*d.path]}
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
	t.born, t.left, t.deadline, t.spans = now, now, 0, t.spans[:0]
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
	t.left, t.began, t.deadline = parent.left, parent.began, parent.deadline
	if r := parent.receipt; r != nil {
		r.owed.Add(1)
		t.receipt = r
	}
	t.spans = append(t.spans, parent.spans...)
	return t
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
	if t.receipt != nil {
		t.leave(nil)
		return
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

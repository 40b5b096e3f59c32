package turn

import (
	"context"
	"sync/atomic"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// Section is a stage with layers around its call: an entrance, layers, workers, and an exit. A
// stage with workers and no layers is also a section.
//
// Items are in flights of 64, in the order in which they came. The goroutine of the stage is the
// entrance: it runs requests down through the layers. A worker that has made calls runs the
// responses up. The exit sends finished items in order, from the first item that was not sent.
type Section struct {
	node      *kernel.Node
	ports     []*Port
	unordered bool
	in, out   handoff.Columns
	join      Join
	gate      Gate    // nil if the entrance refuses no items
	bounder   Bounder // nil if the outermost layer does not set the capacity
	crew      crew
	limit     atomic.Int64 // largest cost of an item below at which a worker also does the work below
	callers   visitors

	turn

	// Guarded by: mu.
	capacity int           // how many items the section holds
	seats    int           // free seats: how many more items may enter
	starved  bool          // the entrance waits for a seat
	room     chan struct{} // a token for the entrance: there are seats, all items have left, or the layers are closed
	idle     []*Flight     // flights with free places
	side     *Flight       // flight of items that the gate refuses
	outq     []leaving
	sending  bool // a goroutine has the exit
	ended    bool // no more items will come

	open *Flight // the flight that the entrance fills. Owner: the entrance

	// Owner: the turn.
	flights []*Flight // all flights, by index
	order   []*Flight // flights with items that the exit has not got, from head
	head    int
	pushed  []calls
	ready   []leaving

	// Owner: the exit.
	batch []leaving
	done  int   // index in batch
	spare int64 // largest cost of an item below at which this goroutine also does the work below
	tally account.Tally
}

// Join makes the items that leave from the items that came and the results of the call, for the
// places from from up to to. It writes to dst from at on. It counts finished items in done, which
// tells the section the item for which user code has panicked. It ends early if the run was
// aborted.
type Join interface {
	Join(f *Flight, from, to int, dst *handoff.Batch, at int, done *int)
}

// perWorker is the number of items that a section holds for each worker, if its capacity grows with
// the workers.
const perWorker = 16

// DefaultSeats is the number of items in a section whose layers do not set it.
const DefaultSeats = 1024

// SectionOf is the configuration of a section.
type SectionOf struct {
	Op        kernel.Op
	Workers   int
	Unordered bool
	Layers    []Layer
	Capacity  int             // 0: DefaultSeats, or the bound of the outermost layer; otherwise it grows with the workers
	Results   handoff.Columns // for the results of the op
	Join      Join            // nil if results leave unchanged
}

// RunSection runs the section until the stream has ended.
func RunSection(n *kernel.Node, of SectionOf) error {
	s := &Section{
		node: n, capacity: of.Capacity, unordered: of.Unordered, in: n.Ins[0].Columns, out: of.Results,
		join: of.Join, room: make(chan struct{}, 1), callers: visitors{gone: make(chan struct{})},
	}
	s.crew = crew{section: s}
	n.Does(of.Op)
	if s.capacity == 0 {
		s.capacity = DefaultSeats
	}
	if err := s.openLayers(of.Layers); err != nil {
		return err
	}
	s.seats = s.capacity
	n.Staff(of.Workers)
	n.OnWorkers(func(workers int) { s.staff(workers, of.Capacity > 0) })
	defer context.AfterFunc(n.Run().Ctx, func() { s.post(note{kind: abort}) })()
	if len(s.ports) > 0 {
		defer context.AfterFunc(n.Run().Intake, func() { s.post(note{kind: drain}) })()
	}
	n.Show(s)
	n.Engage()
	defer n.Disengage()
	defer func() { // also if user code ends the goroutine
		s.mayStick()
		<-s.Shut()
		s.empty()
		n.OnWorkers(nil)
		s.crew.close()
		s.post(note{kind: closing})
		<-s.room
	}()
	s.enter()
	return nil
}

// staff sets the number of workers. If the capacity grows with them, the section holds perWorker
// items for each.
func (s *Section) staff(workers int, grows bool) {
	s.crew.staff(workers)
	if !grows {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	capacity := max(handoff.BatchSize, perWorker*workers)
	s.seats += capacity - s.capacity // may be negative for some time
	s.capacity = capacity
	s.wakeEntrance(1)
}

// openLayers makes the state of the layers. If a layer cannot be opened, it closes the layers
// before it.
func (s *Section) openLayers(layers []Layer) error {
	for i, l := range layers {
		p := &Port{section: s, index: i}
		h, err := l.Open(p)
		if err != nil {
			for _, above := range s.ports {
				if c, ok := above.handler.(Closer); ok {
					c.Close()
				}
			}
			return err
		}
		p.handler = h
		if b, ok := h.(Bounder); ok && i == 0 {
			s.capacity, s.bounder = b.Bound(), b
		}
		if g, ok := h.(Gate); ok && i == 0 && g.Gates() {
			s.gate = g
		}
		p.leaver, _ = h.(Leaver)
		_, p.punctual = h.(Punctual)
		if o, ok := h.(Observer); ok {
			s.node.Observe(o.Observe)
		}
		s.ports = append(s.ports, p)
	}
	return nil
}

// claim takes up to k adjacent places of *filled, or of a flight that it sets. It sets *filled to nil
// if no place is left. The caller holds mu, or has the turn if *filled is set.
func (s *Section) claim(filled **Flight, k int) (f *Flight, at, n int) {
	if *filled == nil {
		*filled = s.flight()
	}
	f = *filled
	at, to := f.free.Run()
	n = min(k, to-at)
	if f.free = f.free.Without(at, at+n); f.free == 0 {
		*filled = nil
	}
	return f, at, n
}

// flight returns a flight with free places. The caller holds mu.
func (s *Section) flight() *Flight {
	if n := len(s.idle); n > 0 {
		f := s.idle[n-1]
		s.idle = s.idle[:n-1]
		f.idle = false
		return f
	}
	f := &Flight{In: handoff.NewBatch(s.in, handoff.BatchSize), Out: &handoff.Batch{Vals: s.out.Make(handoff.BatchSize)}, index: noFlight, free: ^kernel.Mask(0)}
	if s.node.Run().CallHooks() != nil {
		f.calls = new([handoff.BatchSize]kernel.Call)
	}
	f.kept, f.lanes = make([]kernel.Mask, len(s.ports)), make([]kernel.Mask, 2*len(s.ports)+2)
	return f
}

// vacate frees places of f. The caller holds mu.
func (s *Section) vacate(f *Flight, m kernel.Mask) {
	f.free |= m
	if !f.idle && f != s.open {
		f.idle = true
		s.idle = append(s.idle, f)
	}
}

// number gives the flight an index if it has none.
func (s *Section) number(f *Flight) {
	if f.index == noFlight {
		f.index = uint32(len(s.flights))
		s.flights = append(s.flights, f)
	}
}

// enlist adds a flight to the order when items have come to it.
func (s *Section) enlist(f *Flight, items kernel.Mask) {
	s.number(f)
	from, to := items.Run()
	f.admit(from, to)
	if s.unordered {
		return
	}
	if len(s.order) == s.head || s.order[len(s.order)-1] != f {
		s.order = append(s.order, f)
		f.done, f.passed, f.dropped, f.ready = 0, 0, 0, from
	}
}

// handDown gives the workers the items that have come down.
func (s *Section) handDown() {
	if len(s.pushed) > 0 {
		s.crew.push(s.pushed)
		clear(s.pushed)
		s.pushed = s.pushed[:0]
	}
}

// handOut gives the exit the items that are ready. It reports whether the caller has the exit now.
func (s *Section) handOut() (exit bool) {
	if len(s.ready) == 0 {
		return false
	}
	exit = s.release(s.ready...)
	clear(s.ready)
	s.ready = s.ready[:0]
	return exit
}

// release queues items for the exit. It reports whether the caller has the exit now.
func (s *Section) release(ready ...leaving) (exit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outq = append(s.outq, ready...)
	exit = !s.sending
	s.sending = true
	return exit
}

// empty waits until all items have left.
func (s *Section) empty() {
	s.mu.Lock()
	for s.seats < s.capacity || s.sending {
		s.ended = true
		s.mu.Unlock()
		<-s.room
		s.mu.Lock()
	}
	s.mu.Unlock()
}

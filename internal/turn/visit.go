package turn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// What a caller is told.
const (
	nothingYet uint32 = iota
	parked            // the caller waits
	makeCall          // the caller makes the call
	answered          // the outcome is there
	departed          // the caller has gone
)

// visit is a call by a goroutine that brings its own item into a section, takes it through the
// layers itself, makes the call if a worker's place is free, and brings the response up. What
// has to wait (for a permit, for the answer of another item, for its next try) waits in its
// layer, and the caller is told.
//
// A visit is a part of its flight, and is used again for the next caller that has the place.
type visit struct {
	f     *Flight
	place int
	ctx   context.Context // nil if it never ends and has no values
	state atomic.Uint32
	wake  chan struct{}
	by    *worker // makes the call

	// Owner: the turn, until it tells the caller.
	limited kernel.Mask // the place, if the call has limits
	dropped bool        // by the call
}

// Outcome is what becomes of a visit.
type Outcome struct {
	Err        error // nil for a success, ErrDrop if the call dropped the item
	Attempts   int
	Wait, Work time.Duration
	Total      time.Duration
}

// visitors is the part of a section that is for callers.
type visitors struct {
	gate sync.Mutex // Callers pass it one at a time: to wait here costs less than to leave notes

	// Guarded by: the desk.
	room   *Flight // with free places
	inside int
	shut   bool
	gone   chan struct{} // closed when shut and none is inside
	crew   []*worker     // to make calls with

	// Owner: the turn.
	running int      // calls that callers make
	queue   []*visit // that wait for a worker's place
}

// Shut lets no caller in any more, and returns a channel that is closed when none is inside.
func (s *Section) Shut() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.callers.shut {
		s.callers.shut = true
		s.callers.gone = make(chan struct{})
		if s.callers.inside == 0 {
			close(s.callers.gone)
		}
	}
	return s.callers.gone
}

// Do takes an item through the section: put writes it to place i of b, and take reads the result
// of a success from there. ok is false if no caller is let in any more.
func (s *Section) Do(ctx context.Context, put, take func(b *handoff.Batch, i int)) (o Outcome, ok bool) {
	n := s.node
	began := n.Run().Now()
	v := s.arrive(ctx)
	if v == nil {
		return o, false
	}
	put(v.f.In, v.place)
	inside, returned := false, false
	defer func() {
		switch {
		case returned:
		case inside:
			s.vanish(v)
		default:
			s.depart(v)
		}
	}()
	if s.gate != nil && !n.Run().Aborted() {
		if err := n.Protect(s.gate.Try); err != nil {
			n.In.Add(1)
			n.Shed.Add(1)
			err = s.itemError(v, err, 0, began)
			return Outcome{Err: err}, true
		}
	}
	inside = true
	s.pass(note{kind: visits, f: v.f, items: kernel.One(v.place)})
	if !s.attend(ctx, v) {
		returned = true
		return Outcome{Err: ctx.Err()}, true
	}
	o = s.outcome(v, began)
	switch {
	case o.Err == nil:
		take(v.f.Out, v.place)
	case !fault.IsDrop(o.Err):
		o.Err = s.itemError(v, o.Err, o.Attempts, began)
	}
	inside = false
	return o, true
}

// vanish is called if user code ends the goroutine of a caller.
func (s *Section) vanish(v *visit) {
	switch v.state.Swap(departed) {
	case makeCall:
		go s.makes(v)
	case answered:
		s.left1(v)
	}
}

// itemError returns the failure of a caller's item.
func (s *Section) itemError(v *visit, err error, attempts int, began int64) error {
	f := s.node.NewFault(err, attempts, v.f.In.Vals.Value(v.place), nil)
	if s.node.Run().Timed() {
		f.Entered = s.node.Run().Time(began)
	}
	return fault.ItemError(f)
}

// arrive gives a caller a place. It returns nil if none is let in any more.
func (s *Section) arrive(ctx context.Context) *visit {
	if ctx == context.Background() || ctx == context.TODO() {
		ctx = nil
	}
	ctx = s.node.Run().Enters(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.callers.shut {
		return nil
	}
	s.callers.inside++
	if s.callers.room == nil {
		s.callers.room = s.flight()
	}
	f := s.callers.room
	i := f.free.First()
	if f.free = f.free.Without(i, i+1); f.free == 0 {
		s.callers.room = nil
	}
	if f.visits == nil {
		f.visits = new([handoff.BatchSize]visit)
	}
	v := &f.visits[i]
	v.f, v.place, v.ctx, v.by = f, i, ctx, s.borrow()
	v.state.Store(nothingYet)
	return v
}

// depart gives the place back.
func (s *Section) depart(v *visit) {
	v.f.forget(v.place, v.place+1)
	v.ctx = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callers.crew = append(s.callers.crew, v.by)
	v.by = nil
	if v.f == s.callers.room {
		v.f.free |= kernel.One(v.place)
	} else {
		s.vacate(v.f, kernel.One(v.place))
	}
	s.callers.inside--
	if s.callers.shut && s.callers.inside == 0 {
		close(s.callers.gone)
	}
}

// pass has a note of a caller dealt with.
func (s *Section) pass(n note) {
	s.callers.gate.Lock()
	defer s.callers.gate.Unlock()
	s.post(n)
}

// attend does what the visit is told until its outcome is there. It returns false if ctx has
// ended before.
func (s *Section) attend(ctx context.Context, v *visit) bool {
	for {
		switch v.state.Load() {
		case makeCall:
			v.state.Store(nothingYet)
			s.makes(v)
		case answered:
			return true
		default:
			if !v.park(ctx) {
				s.pass(note{kind: deserts, f: v.f, items: kernel.One(v.place)})
				return false
			}
		}
	}
}

// park waits until the caller is told something. It returns false if ctx has ended before.
func (v *visit) park(ctx context.Context) bool {
	if v.wake == nil {
		v.wake = make(chan struct{}, 1)
	}
	if !v.state.CompareAndSwap(nothingYet, parked) {
		return true
	}
	select {
	case <-v.wake:
		return true
	case <-ctx.Done():
		if v.state.CompareAndSwap(parked, departed) {
			return false
		}
		<-v.wake
		return true
	}
}

// tell tells the caller something, and wakes it if it waits. It returns false if it has gone.
func (v *visit) tell(what uint32) bool {
	for {
		old := v.state.Load()
		if old == departed {
			return false
		}
		if v.state.CompareAndSwap(old, what) {
			if old == parked {
				v.wake <- struct{}{}
			}
			return true
		}
	}
}

// makes makes the call of a visit.
func (s *Section) makes(v *visit) {
	var dropped kernel.Mask
	defer func() { // also if the call ends the goroutine
		s.pass(note{kind: response, f: v.f, items: kernel.One(v.place), other: dropped})
	}()
	s.node.Calling(1)
	defer s.node.Calling(-1)
	v.by.group.At(&v.f.Err, v.f.calls)
	v.by.calls(v.f, v.place, v.place+1, v.limited, &dropped)
}

// borrow returns what a call is made with. The desk is locked.
func (s *Section) borrow() *worker {
	if n := len(s.callers.crew); n > 0 {
		w := s.callers.crew[n-1]
		s.callers.crew = s.callers.crew[:n-1]
		return w
	}
	w := &worker{crew: &s.crew, pace: kernel.NewPace()}
	w.group.Bind(s.node)
	return w
}

// ---- In the turn

// visitComes lets a visit in.
func (s *Section) visitComes(f *Flight, place int) {
	if f.index == noFlight {
		f.index = uint32(len(s.flights))
		s.flights = append(s.flights, f)
	}
	f.admit(place, place+1)
	f.visited |= kernel.One(place)
	f.SetLimit(place, lineage.Limit{Ctx: f.visits[place].ctx, Late: fault.ErrExpired})
	s.hop(f, down(0), kernel.One(place))
}

// callFor has the callers of items that have come down make their calls, as far as there are
// places of workers. It returns the other items.
func (s *Section) callFor(f *Flight, items kernel.Mask) kernel.Mask {
	for m := items & f.visited; m != 0; m &= m - 1 {
		v := &f.visits[m.First()]
		if s.callers.running >= max(1, s.node.Workers()) {
			s.callers.queue = append(s.callers.queue, v)
			continue
		}
		s.begin(v)
	}
	return items &^ f.visited
}

// begin has a caller make its call. If the caller has gone, other items wait for the call, or
// nothing does: then a goroutine of its own makes it.
func (s *Section) begin(v *visit) {
	s.callers.running++
	v.limited = v.f.Limited(kernel.One(v.place))
	if !v.tell(makeCall) {
		go func() {
			s.node.Label()
			s.makes(v)
		}()
	}
}

// callEnded lets the next caller begin.
func (s *Section) callEnded(f *Flight, items kernel.Mask) {
	for range (items & f.visited).Len() {
		s.callers.running--
		if q := s.callers.queue; len(q) > 0 {
			s.callers.queue = q[1:]
			s.begin(q[0])
		}
	}
}

// dequeue fails the visits that wait for a worker's place and match, with err.
func (s *Section) dequeue(err error, match func(*visit) bool) {
	kept := s.callers.queue[:0]
	for _, v := range s.callers.queue {
		if !match(v) {
			kept = append(kept, v)
			continue
		}
		v.f.Err[v.place] = err
		s.hop(v.f, up(len(s.ports)), kernel.One(v.place))
	}
	clear(s.callers.queue[len(kept):])
	s.callers.queue = kept
}

// answer tells the callers of items that have come out on top, and returns the other items.
func (s *Section) answer(f *Flight, items kernel.Mask) kernel.Mask {
	theirs := items & f.visited
	f.visited &^= theirs
	for m := theirs; m != 0; m &= m - 1 {
		v := &f.visits[m.First()]
		if v.dropped = f.dropped&kernel.One(v.place) != 0; !v.tell(answered) {
			s.left1(v)
		}
	}
	return items &^ theirs
}

// left1 ends a visit whose caller has gone.
func (s *Section) left1(v *visit) {
	s.outcome(v, 0)
	s.depart(v)
}

// outcome returns what has become of a visit, and counts it.
func (s *Section) outcome(v *visit, began int64) Outcome {
	n, f, i := s.node, v.f, v.place
	o := Outcome{Err: f.Err[i], Attempts: int(f.Attempts[i]), Work: time.Duration(f.work[i])}
	if o.Err == nil && v.dropped {
		o.Err = fault.ErrDrop
	}
	t := account.Tally{In: 1, Attempts: int64(o.Attempts)}
	switch {
	case o.Err == nil:
		t.Out = 1
	case fault.IsDrop(o.Err):
		t.Filtered = 1
	case fault.IsReturn(o.Err):
		t.Returned = 1
	case fault.IsExpired(o.Err):
		t.Expired = 1
	default:
		t.Failed = 1
	}
	if n.Run().Timed() {
		o.Total = time.Duration(n.Run().Now() - began)
		o.Wait = max(0, o.Total-o.Work)
		t.Longest = int64(o.Work)
		t.Worked(&n.Books, 1, int64(o.Work))
		t.Waited(&n.Books, int64(o.Wait))
	}
	t.Publish(&n.Books)
	dropped := kernel.Mask(0)
	if v.dropped {
		dropped = kernel.One(i)
	}
	s.leaveCalls(f, i, i+1, dropped)
	return o
}

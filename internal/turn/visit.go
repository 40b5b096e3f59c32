package turn

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// States of a visit: what the caller knows, or is told to do.
const (
	nothingYet uint32 = iota
	parked            // the caller waits
	makeCall          // the caller makes the call
	answered          // the outcome is known
	departed          // the caller has gone
)

// visit is a call by a goroutine that takes its own item through a section. The goroutine runs the
// layers, makes the call if a worker's place is free, and brings the response up. If the item must
// wait (for a permit, for the result of another item, for its next try), its layer holds it. The
// section then tells the caller when to continue.
//
// A visit is a part of its flight. The next caller that gets the place uses it again.
type visit struct {
	f     *Flight
	place int
	ctx   context.Context // nil if the context never ends and has no values
	began int64
	state atomic.Uint32
	wake  chan struct{}
	by    *worker // the worker with which the caller makes the call

	// Owner: the turn, until it tells the caller.
	limited kernel.Mask // the mask of the place, if the call has limits
	dropped bool        // the call has dropped the item
}

// Outcome is the result of a visit.
type Outcome struct {
	Err        error // nil for a success, ErrDrop if the call dropped the item
	Attempts   int
	Wait, Work time.Duration
	Total      time.Duration
}

// Shut refuses further callers. It returns a channel that is closed when no caller is inside. It
// does not wait for the turn.
func (s *Section) Shut() <-chan struct{} {
	s.post(note{kind: shutting})
	return s.callers.gone
}

// Do takes an item through the section. put writes the item to place i of b. After a success, take
// reads the result from there. ok is false if the section refuses callers.
func (s *Section) Do(ctx context.Context, put, take func(b *handoff.Batch, i int)) (o Outcome, ok bool) {
	n := s.node
	began := n.Run().Now()
	known := s.enters(ctx)
	asked := s.gate != nil && !n.Run().Aborted()
	var refused error
	if asked {
		refused = n.Protect(s.gate.Try)
	}
	s.right.Lock()
	v := s.arrive(known, began)
	if v == nil {
		s.pass(nil)
		if asked && refused == nil {
			s.gate.Withdraw()
		}
		return o, false
	}
	put(v.f.In, v.place)
	inside, returned := refused == nil, false
	defer func() {
		switch {
		case returned:
		case inside:
			s.vanish(v)
		default:
			s.depart(v)
		}
	}()
	if refused != nil {
		s.pass(nil)
		n.In.Add(1)
		n.Shed.Add(1)
		return Outcome{Err: s.itemError(v, refused, 0, began)}, true
	}
	s.pass(&note{kind: visits, f: v.f, items: kernel.One(v.place)})
	if !s.attend(ctx, v) {
		returned = true
		return Outcome{Err: ctx.Err()}, true
	}
	inside = false
	o = s.outcome(v)
	switch {
	case o.Err == nil:
		take(v.f.Out, v.place)
	case !fault.IsDrop(o.Err):
		o.Err = s.itemError(v, o.Err, o.Attempts, began)
	}
	return o, true
}

// vanish ends a visit whose caller's goroutine was ended by user code.
func (s *Section) vanish(v *visit) {
	switch v.state.Swap(departed) {
	case makeCall:
		go s.makes(v)
	case answered:
		s.unclaimed(v)
		s.depart(v)
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

// enters returns the context of a caller as hooks see it. It is nil if the context never ends and
// has no values.
func (s *Section) enters(ctx context.Context) context.Context {
	if ctx == context.Background() || ctx == context.TODO() {
		ctx = nil
	}
	return s.node.Run().Enters(ctx)
}

// pass handles a note of a caller, nil for none. The caller has waited for the turn, and gives it up.
func (s *Section) pass(n *note) {
	if s.work(n) {
		s.send(false, s.limit.Load())
	}
}

// depart returns the place of a visit.
func (s *Section) depart(v *visit) {
	s.right.Lock()
	s.departs(v)
	s.pass(nil)
}

// attend does what the section tells the caller, until the outcome is known. It returns false if
// ctx ended before.
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
				s.right.Lock()
				s.pass(&note{kind: deserts, f: v.f, items: kernel.One(v.place)})
				return false
			}
		}
	}
}

// park waits until the section tells the caller something. It returns false if ctx ended before.
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

// tell tells the caller something, and wakes it if it waits. It returns false if the caller has
// gone.
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
	defer func() { // also if user code ends the goroutine
		s.right.Lock()
		s.pass(&note{kind: response, f: v.f, items: kernel.One(v.place), other: dropped})
	}()
	s.node.Calling(1)
	defer s.node.Calling(-1)
	v.by.group.At(&v.f.Err, v.f.calls)
	v.by.calls(v.f, v.place, v.place+1, v.limited, &dropped)
}

// unclaimed counts the outcome of a visit whose caller has gone. A result that is left behind has
// expired: it does not leave the flow.
func (s *Section) unclaimed(v *visit) {
	if err := &v.f.Err[v.place]; *err == nil && !v.dropped {
		if *err = (&lineage.Limit{Ctx: v.ctx}).Over(s.node.Run().Clock); *err == nil {
			*err = fault.ErrExpired
		}
	}
	s.outcome(v)
}

// outcome returns the result of a visit, and counts it.
func (s *Section) outcome(v *visit) Outcome {
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
	default:
		t.Fail(o.Err)
	}
	if n.Run().Timed() {
		o.Total = time.Duration(n.Run().Now() - v.began)
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

package section

import (
	"sync"
	"sync/atomic"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/stages"
)

// Guard is the layer that lets at most the guard's capacity of items through at a time. With
// a [guard.Policy] the section has a guard of its own; a *[guard.Guard] can be shared with
// other sections and flows. An item that finds no permit waits in the guard's queue, which is
// backpressure, or is shed with a *[guard.ShedError] if the policy says so. An adaptive guard
// learns from how long an item is below the layer, and how it comes back.
//
// As the outermost layer the guard bounds how many items the section holds in all, and an
// item that is shed leaves at once, ahead of those inside. If [guard.Guard.Resize] makes it larger,
// the section holds more items when the next item has left. Further in, the guard limits what is
// below it.
func Guard(source guard.Source) Layer {
	return Layer{
		kind:   "guard",
		shared: sharedBy(source),
		check: func() error {
			return given("guard", source == nil, stages.Apply[stages.Option](), func() error { return guardFault(source) })
		},
		open: func(p *turn.Port) (turn.Handler, error) {
			g, err := source.Guard()
			if err != nil {
				return nil, err
			}
			return &guardHandler{port: p, guard: g}, nil
		},
	}
}

func guardFault(source guard.Source) error {
	if p, ok := source.(guard.Policy); ok {
		return p.Validate()
	}
	g, err := source.Guard()
	if err != nil {
		return err
	}
	return g.Err()
}

type guardHandler struct {
	port  *turn.Port
	guard *guard.Guard
	have  turn.PerFlight[guard.Permit]
	waits turn.PerFlight[*seeker]

	// Guarded by: mu.
	mu    sync.Mutex
	given []guard.Permit // of items that the gate has admitted and that have not come yet
	ended bool           // no item will come any more
}

// seeker waits for a permit. It stores the result itself: the item may have left by then.
type seeker struct {
	guard.Place
	ended  atomic.Bool // it has a result, or has left, whichever came first
	permit guard.Permit
	err    error
}

// tell ends the wait. A permit that comes after the item has left goes back.
func (s *seeker) tell(p guard.Permit, err error, ref turn.Ref) {
	s.permit, s.err = p, err
	if s.ended.CompareAndSwap(false, true) {
		ref.Resume()
	} else if err == nil {
		p.Release()
	}
}

// leave gives up the place in the queue, or the permit that has come.
func (s *seeker) leave() {
	if s == nil || s.Place.Leave() || s.ended.CompareAndSwap(false, true) {
		return
	}
	if s.err == nil {
		s.permit.Release()
	}
}

// Bound implements [turn.Bounder].
func (h *guardHandler) Bound() int { return h.guard.MaxCapacity() }

// Gates implements [turn.Gate]: a guard that sheds is asked before an item enters.
func (h *guardHandler) Gates() bool { return h.guard.Sheds() }

// Try implements [turn.Gate].
func (h *guardHandler) Try() error {
	p, err := h.guard.TryAcquire()
	if err != nil {
		return err
	}
	h.mu.Lock()
	ended := h.ended
	if !ended {
		h.given = append(h.given, p)
	}
	h.mu.Unlock()
	if ended {
		p.Release()
	}
	return nil
}

// Withdraw implements [turn.Gate].
func (h *guardHandler) Withdraw() {
	var p guard.Permit
	h.mu.Lock()
	if last := len(h.given) - 1; last >= 0 { // otherwise Close has released the permit
		p, h.given = h.given[last], h.given[:last]
	}
	h.mu.Unlock()
	p.Release()
}

// Close implements [turn.Closer]. It releases the permits of items that the gate has admitted and
// that have not come, because the run was aborted in between.
func (h *guardHandler) Close() {
	h.mu.Lock()
	given := h.given
	h.given, h.ended = nil, true
	h.mu.Unlock()
	h.guard.ReleaseAll(given)
}

func (h *guardHandler) Request(f *turn.Flight, items kernel.Mask) {
	have := h.have.Of(f)
	if h.guard.Sheds() { // and so the layer is a gate
		items = h.admitted(f, items, have)
	} else {
		items = h.late(f, items)
	}
	for items != 0 {
		from, to := items.Run()
		items = items.Without(from, to)
		if !h.guard.Sheds() {
			n := h.guard.TryAcquireAll(have[from:to])
			for i := from; i < from+n; i++ {
				h.port.Down(f, kernel.One(i))
			}
			from += n
		}
		for ; from < to; from++ {
			h.seek(f, from)
		}
	}
}

// admitted sends down the items that the gate has admitted, and returns the others.
func (h *guardHandler) admitted(f *turn.Flight, items kernel.Mask, have []guard.Permit) kernel.Mask {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ; items != 0 && len(h.given) > 0; items &= items - 1 {
		have[items.First()] = h.given[0]
		h.given = h.given[1:]
		h.port.Down(f, kernel.One(items.First()))
	}
	return items
}

// late sends up the items that are out of time, and returns the others.
func (h *guardHandler) late(f *turn.Flight, items kernel.Mask) kernel.Mask {
	for m := f.Limited(items); m != 0; m &= m - 1 {
		i := m.First()
		l := f.Limit(i)
		if err := l.Over(h.port.Run().Clock); err != nil {
			items &^= kernel.One(i)
			h.port.Reject(f, kernel.One(i), outcome.AsIgnored(err))
		}
	}
	return items
}

// seek asks for a permit for one item, which may wait.
func (h *guardHandler) seek(f *turn.Flight, place int) {
	if h.guard.Sheds() {
		permit, err := h.guard.TryAcquire()
		h.seat(f, place, permit, err)
		return
	}
	s, ref := &seeker{}, h.port.Ref(f, place)
	permit, queued, err := h.guard.Enlist(contextOf(h.port, f, place), func(p guard.Permit, err error) { // in any goroutine
		s.tell(p, err, ref)
	})
	if !queued.Waits() {
		h.seat(f, place, permit, err)
		return
	}
	s.Place = queued
	h.waits.Of(f)[place] = s
}

func (h *guardHandler) seat(f *turn.Flight, place int, permit guard.Permit, err error) {
	if err != nil {
		h.port.Reject(f, kernel.One(place), h.blame(f, place, err))
		return
	}
	h.have.Of(f)[place] = permit
	h.port.Down(f, kernel.One(place))
}

// blame adds to the error of an item that waited in vain that the item was out of time. The error
// of the guard comes first, for the layers outside: the service was not called.
func (h *guardHandler) blame(f *turn.Flight, place int, err error) error {
	l := f.Limit(place)
	return l.BlameWait(h.port.Run().Clock, err)
}

// Resumed implements [turn.Resumer]: the wait of an item has ended.
func (h *guardHandler) Resumed(f *turn.Flight, place int) {
	w := &h.waits.Of(f)[place]
	s := *w
	*w = nil
	h.seat(f, place, s.permit, s.err)
}

// Leave implements [turn.Leaver].
func (h *guardHandler) Leave(f *turn.Flight, place int, why error) {
	w := &h.waits.Of(f)[place]
	(*w).leave()
	*w = nil
	h.port.Reject(f, kernel.One(place), outcome.AsIgnored(why))
}

func (h *guardHandler) Response(f *turn.Flight, items kernel.Mask) {
	have := h.have.Of(f)
	h.port.Up(f, items)
	for m := items; m != 0; {
		from, to := m.Run()
		m = m.Without(from, to)
		for i := from; i < to; i++ {
			if f.Err[i] != nil {
				p := have[i]
				have[i] = guard.Permit{}
				p.Done(contextOf(h.port, f, i), f.Err[i])
			}
		}
		h.guard.ReleaseAll(have[from:to])
	}
}

// Release implements [turn.Releaser]: it gives back the permits and the places in the queue.
func (h *guardHandler) Release() {
	for _, waits := range h.waits {
		for _, s := range waits {
			s.leave()
		}
	}
	for _, have := range h.have {
		h.guard.ReleaseAll(have)
	}
	h.Close()
}

// Observe implements [turn.Observer].
func (h *guardHandler) Observe() any { return h.guard.Snapshot() }

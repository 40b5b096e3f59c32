package topic

import (
	"context"
	"sync"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Local returns a topic in memory. An item above is settled when everything made from it below has
// left the flow. So no item is lost if the sources above hand items out again. An item that is
// handed back below begins below once more. If the part above has ended, or the flow drains, it
// goes back to the source above.
//
// The topic encodes nothing, and carries deadlines, contexts and timings over. It holds up to
// [stages.DefaultBuffer] items that the part below has not taken. A graph with a local topic must
// not be run twice at the same time.
func Local[T any]() stages.Topic[T] { return &local[T]{} }

type local[T any] struct {
	mu   sync.Mutex
	open *session[T] // the end that has come and waits for the other
}

// Sink implements [stages.Topic].
func (l *local[T]) Sink() stages.Sink[T] { return localSink[T]{l} }

// Source implements [stages.Topic].
func (l *local[T]) Source() stages.Source[T] { return localSource[T]{l} }

// Local implements [stages.LocalTopic].
func (l *local[T]) Local() bool { return true }

// meet returns the session of a run. Both ends call it once.
func (l *local[T]) meet() *session[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.open; s != nil {
		l.open = nil
		return s
	}
	l.open = &session[T]{
		ch: make(chan parcel[T], stages.DefaultBuffer), unwanted: make(chan struct{}), ready: make(chan struct{}, 1),
		waiting: map[*held[T]]bool{},
	}
	return l.open
}

// session is a topic in one run.
type session[T any] struct {
	ch       chan parcel[T] // the sink closes it
	unwanted chan struct{}  // closed when the part below wants no more items
	ready    chan struct{}  // a token when again or waiting has changed

	mu      sync.Mutex
	again   []parcel[T]       // parcels that were handed back and are due
	waiting map[*held[T]]bool // parcels that were handed back and are not due yet
	over    bool              // no parcel is delivered below any more
}

// parcel is an item between the two ends.
type parcel[T any] struct {
	value   T
	receipt stages.Receipt
	sent    time.Time
	settle  func(error)
}

// held is a parcel that waits until it is due.
type held[T any] struct {
	parcel[T]
	timer *time.Timer // Guarded by: mu of the session
}

type localSink[T any] struct{ l *local[T] }

func (s localSink[T]) Run(ctx context.Context, in *stages.Inlet[T]) error {
	session := s.l.meet()
	k := kernel.Of(in)
	var open sync.WaitGroup
	defer open.Wait()
	defer close(session.ch)
	for it := range in.All() {
		open.Add(1)
		p := parcelOf(k, in, it, open.Done)
		select {
		case session.ch <- p:
		case <-session.unwanted:
			in.Drop(it)
			open.Done()
			return nil
		case <-ctx.Done():
			p.settle(k.Node().Run().AbortError())
		}
	}
	return nil
}

// parcelOf returns the parcel of the current item. done is called when the parcel is settled.
func parcelOf[T any](k *kernel.Inlet, in *stages.Inlet[T], it stages.Item[T], done func()) parcel[T] {
	m := k.MetaAt(k.Pos)
	journey := in.Journey(it)
	id, alone := m.ID()
	if !alone {
		id = "" // an ID would need the content, which is not encoded
	}
	return parcel[T]{
		value: it.Value, sent: time.Now(),
		receipt: stages.Receipt{Context: m.Limit().Ctx, Deliveries: 1, ID: id, Journey: &journey},
		settle: func(err error) {
			defer done()
			if err != nil {
				in.Fail(it, err)
			} else {
				in.Done(it)
			}
		},
	}
}

type localSource[T any] struct{ l *local[T] }

func (s localSource[T]) Run(ctx context.Context, out *stages.Outlet[T]) error {
	session := s.l.meet()
	k := kernel.OutletOf(out)
	defer session.finish()
	stop := ctx.Done()
	for {
		p, ok := session.next(stop)
		switch {
		case ok:
			session.deliver(k, out, p)
		case stop == nil || !session.stopped(stop):
			return nil
		default: // the intake has stopped: items of the part above drain into the topic
			stop = nil
			if k.Unwanted() {
				close(session.unwanted)
			}
			session.finish()
		}
	}
}

// stopped reports whether the intake has stopped.
func (s *session[T]) stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// next returns the next parcel. ok is false if no parcel will come, or if stop delivers.
func (s *session[T]) next(stop <-chan struct{}) (p parcel[T], ok bool) {
	ch := s.ch
	for {
		if p, ok = s.due(); ok {
			return p, true
		}
		if ch == nil && s.idle() {
			return p, false
		}
		select {
		case p, ok = <-ch:
			if ok {
				return p, true
			}
			ch = nil
		case <-s.ready:
		case <-stop:
			return p, false
		}
	}
}

// due takes the first parcel that was handed back and is due.
func (s *session[T]) due() (p parcel[T], ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.again) == 0 {
		return p, false
	}
	p, s.again = s.again[0], s.again[1:]
	return p, true
}

// idle reports that no parcel waits until it is due.
func (s *session[T]) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting) == 0
}

// deliver sends a parcel into the part below.
func (s *session[T]) deliver(k *kernel.Outlet, out *stages.Outlet[T], p parcel[T]) {
	r := p.receipt
	j := *r.Journey
	transit := time.Since(p.sent)
	j.Age += transit
	if j.Left > 0 {
		j.Left = max(j.Left-transit, 1)
	}
	j.Timings = append(j.Timings[:len(j.Timings):len(j.Timings)], stages.Timing{Stage: k.Node().Name, Wait: transit})
	r.Journey = &j
	r.Ack = func(err error) {
		if after, back := stages.HandedBack(err); back && !k.Node().Run().Aborted() && s.retry(p, after) {
			return
		}
		p.settle(err)
	}
	if !out.Deliver(r, p.value) {
		p.settle(k.Node().Run().AbortError())
	}
}

// retry delivers a parcel again after a delay. It returns false if it is too late for that.
func (s *session[T]) retry(p parcel[T], after time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	p.receipt.Deliveries++
	h := &held[T]{parcel: p}
	h.timer = time.AfterFunc(after, func() { s.resend(h) })
	s.waiting[h] = true
	return true
}

// resend makes a parcel due.
func (s *session[T]) resend(h *held[T]) {
	s.mu.Lock()
	if s.waiting[h] {
		delete(s.waiting, h)
		s.again = append(s.again, h.parcel)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *session[T]) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// finish ends redelivery: parcels that were handed back go back to the source above.
func (s *session[T]) finish() {
	s.mu.Lock()
	s.over = true
	back := s.again
	for h := range s.waiting {
		h.timer.Stop()
		back = append(back, h.parcel)
	}
	s.again, s.waiting = nil, map[*held[T]]bool{}
	s.mu.Unlock()
	for _, p := range back {
		p.settle(stages.ErrHandedBack)
	}
}

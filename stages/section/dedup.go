package section

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/turn"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
	"github.com/weir-go/weir/stages"
)

// Dedup is the layer that shares the calls of equal requests: a keyed fan-in with a TTL. The first
// item of a key goes down. Items that come while it is under way wait in the layer, hold no
// worker, and get its response. A result serves later items of its key until its TTL. A failure is
// shared with the items that wait for it and not kept, unless the policy has a [dedup.ErrorTTL].
// With [dedup.ServeStale] or [dedup.Early] one item goes down to renew a result while the others
// get the kept one. If its call fails, it also gets the kept one.
//
// With a [dedup.Policy] the section has a deduplicator of its own. A *[dedup.Dedup][K, [Answer]]
// can be shared by sections whose calls return the same type. Results are shared, not copied: a
// value that holds pointers, slices or maps must not be changed by the stages below.
//
// A shared call has the latest deadline of the items that wait for it, and ends when the
// callers of all of them have gone.
//
// key is called by one goroutine at a time and should be quick. A panic of key, a key that
// cannot be hashed, or one that is not equal to itself fails the item.
func Dedup[T any, K comparable](source dedup.Source, key func(T) K) Layer {
	l := dedupLayer(source, key == nil, func(run *kernel.Run, b *handoff.Batch, from, to int, keys []K, done *int) {
		for i, v := range typed.Values[T](b)[from:to] {
			if run.Aborted() {
				return
			}
			keys[i] = key(v)
			*done = i + 1
		}
	})
	l.items = reflect.TypeFor[T]()
	return l
}

// dedupLayer makes a Dedup layer. Only keys knows the type of the items.
func dedupLayer[K comparable](source dedup.Source, noKey bool, keys keysOf[K]) Layer {
	return Layer{
		kind: "dedup",
		check: func() error {
			_, err := dedupOf[K](source)
			if noKey {
				err = errors.Join(err, errors.New("dedup key function is nil"))
			}
			return err
		},
		open: func(p *turn.Port) (turn.Handler, error) {
			d, err := dedupOf[K](source)
			if err != nil {
				return nil, err
			}
			return &dedupHandler[K]{port: p, dedup: d, answers: answers{port: p}, keysOf: keys}, nil
		},
		shared: sharedBy(source),
		keeps:  true,
	}
}

// dedupOf returns the deduplicator that the source is. For a policy it makes a new one, because a
// graph can be run several times at once.
func dedupOf[K comparable](source dedup.Source) (*dedup.Dedup[K, Answer], error) {
	switch s := source.(type) {
	case nil:
		return nil, errors.New("dedup is nil")
	case *dedup.Dedup[K, Answer]:
		return s, s.Err()
	case dedup.Policy:
		dedup.Shards(1)(&s) // only the section's turn uses it
		return dedup.New[K, Answer](s)
	}
	return nil, fmt.Errorf("a dedup shared by sections must be a %v, not a %T", reflect.TypeFor[*dedup.Dedup[K, Answer]](), source)
}

type dedupHandler[K comparable] struct {
	port    *turn.Port
	dedup   *dedup.Dedup[K, Answer]
	keysOf  keysOf[K]
	answers answers

	led     turn.PerFlight[lead[K]]   // of the items that lead a call
	follows turn.PerFlight[*follower] // of the items that wait for a call
	bound   map[K]*bound              // calls that are bound to the items that wait

	// Scratch, of one call: as long as the most items that came together.
	got     int // keys
	keys    []K
	places  []uint8
	checks  []dedup.Check[Answer]
	local   []*follower
	wait    []dedup.Follower[Answer]
	tokens  []dedup.Token
	results []Answer
}

// grow makes room for n items, and keeps the present entries.
func (h *dedupHandler[K]) grow(n int) {
	if n -= len(h.keys); n <= 0 {
		return
	}
	h.keys, h.places = append(h.keys, make([]K, n)...), append(h.places, make([]uint8, n)...)
	h.checks, h.local = append(h.checks, make([]dedup.Check[Answer], n)...), append(h.local, make([]*follower, n)...)
	h.wait = append(h.wait, make([]dedup.Follower[Answer], n)...)
	h.tokens, h.results = append(h.tokens, make([]dedup.Token, n)...), append(h.results, make([]Answer, n)...)
}

// lead is the state of an item that leads a call.
type lead[K comparable] struct {
	token dedup.Token
	key   K
	stale Answer        // the stale answer that is renewed; it serves if the call fails
	outer lineage.Limit // of the item
	bound *bound        // nil if the item has no limit
}

// bound is a call that ends when no item waits for it. It is not used again, because user code can
// keep its context.
type bound struct {
	crowd
	first lineage.CallContext
}

// follower is an item that waits for the answer of another item. It stores the answer itself: the
// item may have left by then.
type follower struct {
	ref    turn.Ref
	crowd  *crowd      // nil if the call is not bound to the items that wait
	ended  atomic.Bool // it has its answer, or has left, whichever came first
	answer Answer
	err    error
}

// Done implements dedup.Follower. Any goroutine may call it.
func (f *follower) Done(a Answer, err error) {
	f.answer, f.err = a, err
	if f.ended.CompareAndSwap(false, true) {
		f.ref.Resume()
	}
}

func (h *dedupHandler[K]) Request(f *turn.Flight, items kernel.Mask) {
	h.grow(items.Len())
	n := h.ask(f, items)
	for i := range n {
		if h.local[i] == nil {
			h.local[i] = &follower{}
			h.wait[i] = h.local[i]
		}
		h.local[i].ref = h.port.Ref(f, int(h.places[i]))
	}
	h.dedup.JoinAll(h.checks[:n], h.keys[:n], h.wait[:n])
	led := h.led.Of(f)
	var down, up kernel.Mask
	for j := range n {
		i := int(h.places[j])
		switch c := &h.checks[j]; c.State {
		case dedup.InProgress:
			h.follow(f, i, h.keys[j], j)
		case dedup.First, dedup.Stale:
			led[i].token, led[i].key, led[i].stale = c.Token, h.keys[j], c.Value
			h.lead(f, i, &led[i])
			down |= kernel.One(i)
		case dedup.Cached:
			if f.Err[i] = c.Err; c.Err == nil {
				h.adopt(f, i, c.Value)
			}
			up |= kernel.One(i)
		case dedup.Invalid:
			f.Err[i] = outcome.AsPermanent(c.Err)
			up |= kernel.One(i)
		}
	}
	clear(h.checks[:n])
	clear(h.keys[:n])
	h.port.Down(f, down)
	h.port.Up(f, up)
}

// adopt makes an answer the result of an item.
func (h *dedupHandler[K]) adopt(f *turn.Flight, place int, a Answer) {
	if !a.give(f, place) {
		f.Err[place] = outcome.AsPermanent(fmt.Errorf("a dedup is shared by sections with different result types: %T, %T", a.column, f.Out.Vals))
	}
}

// lead makes the call of an item with limits wait for all items that join. The layers below see the
// latest deadline.
func (h *dedupHandler[K]) lead(f *turn.Flight, place int, l *lead[K]) {
	outer := f.Limit(place)
	if !outer.Bounded() {
		return
	}
	if h.bound == nil {
		h.bound = map[K]*bound{}
	}
	l.outer, l.bound = *outer, &bound{}
	l.bound.gather(h.port.Run(), outer)
	h.bound[l.key] = l.bound
	f.SetLimit(place, lineage.Limit{Ctx: l.bound}.With(&l.bound.first))
}

// unlead undoes lead.
func (h *dedupHandler[K]) unlead(f *turn.Flight, place int, l *lead[K]) {
	if l.bound == nil {
		return
	}
	if h.bound[l.key] == l.bound {
		delete(h.bound, l.key)
	}
	l.bound.end()
	f.SetLimit(place, l.outer)
}

// follow makes an item wait for the call of another item.
func (h *dedupHandler[K]) follow(f *turn.Flight, place int, key K, j int) {
	w := h.local[j]
	h.local[j] = nil
	if b := h.bound[key]; b != nil && b.join(f.Limit(place)) {
		w.crowd = &b.crowd
	}
	h.follows.Of(f)[place] = w
}

func (h *dedupHandler[K]) Response(f *turn.Flight, items kernel.Mask) {
	led := h.led.Of(f)
	good := items &^ f.Dropped(items)
	h.port.Up(f, items)
	for m := items; m != 0; m &= m - 1 {
		i := m.First()
		switch {
		case good&kernel.One(i) == 0: // dropped: there is no result to share
			h.unlead(f, i, &led[i])
			h.dedup.Fail(led[i].token, stages.ErrDrop, dedup.TTL(0))
			led[i] = lead[K]{}
		case f.Err[i] != nil:
			good &^= kernel.One(i)
			h.fail(f, i, &led[i])
		default:
			h.unlead(f, i, &led[i])
		}
	}
	h.grow(good.Len())
	n := 0
	for m := good; m != 0; {
		from, to := m.Run()
		m = m.Without(from, to)
		h.answers.keep(f, from, to, h.results[n:])
		for i := from; i < to; i++ {
			h.tokens[n] = led[i].token
			n++
		}
	}
	h.dedup.CompleteAll(h.tokens[:n], h.results[:n]) // followers leave notes in their sections
	clear(h.results[:n])
	for m := good; m != 0; m &= m - 1 {
		led[m.First()] = lead[K]{}
	}
}

// fail ends a call without a result.
func (h *dedupHandler[K]) fail(f *turn.Flight, place int, l *lead[K]) {
	err := f.Err[place]
	stale, gone := l.stale, l.gone(err)
	h.unlead(f, place, l)
	switch {
	case h.port.Over() != nil: // followers in other flows ask again
		h.dedup.Fail(l.token, h.port.Over(), dedup.TTL(0))
		stale = Answer{}
	case gone: // the end says nothing about the service, and followers ask again
		h.dedup.Fail(l.token, stages.ErrExpired, dedup.TTL(0))
		h.blame(f, place)
	default:
		h.dedup.Fail(l.token, err)
	}
	*l = lead[K]{} // not earlier: a hook may have panicked
	if stale.column != nil {
		h.adopt(f, place, stale)
	}
}

// blame makes the error of an item whose time is up that of the Timeout outside that set the time.
// The layers below know only that no item waits any more.
func (h *dedupHandler[K]) blame(f *turn.Flight, place int) {
	err, late := f.Err[place], f.Limit(place).Over(h.port.Run().Clock)
	if late == nil || errors.Is(late, stages.ErrExpired) || !errors.Is(err, stages.ErrExpired) {
		return
	}
	if outcome.Classify(contextOf(h.port, f, place), err).Kind == outcome.Ignored { // no call was begun
		late = outcome.AsIgnored(late)
	}
	f.Err[place] = late
}

// gone reports whether a call ended because of the limits of the waiting items, not because of the
// service.
func (l *lead[K]) gone(err error) bool {
	return errors.Is(err, stages.ErrExpired) || l.bound != nil && l.bound.Err() != nil
}

// Resumed implements [turn.Resumer]: a follower has its answer. If the call for which it waited was
// aborted or had no time left, the item asks again.
func (h *dedupHandler[K]) Resumed(f *turn.Flight, place int) {
	w := &h.follows.Of(f)[place]
	told := *w
	*w = nil
	switch {
	case told.err == nil:
		h.adopt(f, place, told.answer)
		h.port.Up(f, kernel.One(place))
	case errors.Is(told.err, stages.ErrAborted) || errors.Is(told.err, stages.ErrExpired):
		l := f.Limit(place)
		if late := l.Over(h.port.Run().Clock); late != nil {
			h.port.Reject(f, kernel.One(place), outcome.AsIgnored(late))
			return
		}
		h.port.Again(f, kernel.One(place))
	default:
		h.port.Reject(f, kernel.One(place), told.err)
	}
}

// Leave implements [turn.Leaver].
func (h *dedupHandler[K]) Leave(f *turn.Flight, place int, why error) {
	w := &h.follows.Of(f)[place]
	if told := *w; told != nil {
		*w = nil
		told.ended.Store(true)
		if told.crowd != nil {
			told.crowd.leave(why)
		}
	}
	h.port.Reject(f, kernel.One(place), outcome.AsIgnored(why))
}

// Release implements [turn.Releaser]: it ends the calls in progress, so that their keys become
// free. It does not touch calls that have ended.
func (h *dedupHandler[K]) Release() {
	for i := range h.checks { // checks of a request that has panicked
		h.dedup.Fail(h.checks[i].Token, stages.ErrAborted, dedup.TTL(0))
	}
	for _, led := range h.led {
		for i := range led {
			h.dedup.Fail(led[i].token, stages.ErrAborted, dedup.TTL(0))
		}
	}
	for _, b := range h.bound {
		b.end()
	}
}

// Observe implements [turn.Observer].
func (h *dedupHandler[K]) Observe() any { return h.dedup.Snapshot() }

package stages

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weir-go/weir/primitives/dedup"
)

// Dedup is the layer that shares the calls of equal requests: a keyed fan-in
// with a TTL. The first item of a key goes down; those that come while it is
// under way wait in the layer, holding no worker, and its response fans out to
// all of them. A result serves later items of its key until its TTL; a failure
// is shared with those who wait for it and not kept, but where the policy has a
// [dedup.ErrorTTL]. With [dedup.ServeStale] or [dedup.Early] one item goes down to
// renew a result while the others are served what is kept; if its call fails, it
// gets that, too.
//
// With a [dedup.Policy] the section has a deduplicator of its own. A
// *[dedup.Dedup][K, [Answer]] can be shared by sections whose calls return the
// same type. Results are shared, not copied: a value that holds pointers,
// slices or maps must not be changed by the stages below.
//
// Where the items are calls of [Calls.Do], the shared call goes on until the last of
// those who wait for it has gone, whoever was the first.
//
// key is called in the layer's goroutine and should be quick. A panic of it, or
// a key that cannot be hashed, fails the item.
func Dedup[I any, K comparable](source dedup.Source, key func(I) K) Layer[I] {
	return &dedupLayer[I, K]{source, key}
}

type dedupLayer[I any, K comparable] struct {
	source dedup.Source
	key    func(I) K
}

// Validate implements [Validator].
func (l *dedupLayer[I, K]) Validate() error {
	_, err := l.dedup()
	return errors.Join(err, needs(l.key == nil, "dedup key function is nil"))
}

// dedup returns the deduplicator that the source is, or stands for.
func (l *dedupLayer[I, K]) dedup() (*dedup.Dedup[K, Answer], error) {
	switch s := l.source.(type) {
	case nil:
		return nil, errors.New("dedup is nil")
	case *dedup.Dedup[K, Answer]:
		return s, nil
	case dedup.Policy:
		return dedup.New[K, Answer](s)
	default:
		return nil, fmt.Errorf("a dedup shared by sections must be a %T, not a %T", (*dedup.Dedup[K, Answer])(nil), s)
	}
}

func (l *dedupLayer[I, K]) Open(p *Port[I]) (Handler[I], error) {
	d, err := l.dedup()
	if err != nil {
		return nil, err
	}
	return &dedupHandler[I, K]{
		port: p, dedup: d, key: l.key,
		tokens:    make([]dedup.Token, p.Capacity()),
		followers: make([]*follower[I], p.Capacity()),
	}, nil
}

type dedupHandler[I any, K comparable] struct {
	port   *Port[I]
	dedup  *dedup.Dedup[K, Answer]
	key    func(I) K
	tokens []dedup.Token  // by slot; of the leaders
	stale  map[int]Answer // by slot; of those that renew an answer

	leads     map[int]lead[K] // by slot; of the leaders with callers
	audiences map[K]*audience // of their calls
	followers []*follower[I]  // by slot
	spare     *follower[I]    // for the next that has to wait
}

func (h *dedupHandler[I, K]) Request(x *Exchange[I]) {
	key, err := protect(h.port.node, func() (K, error) { return h.key(x.Value), nil })
	if err != nil {
		h.reject(x, err)
		return
	}
	if h.spare == nil {
		h.spare = &follower[I]{port: h.port}
	}
	h.spare.x = x
	c := h.dedup.Join(key, h.spare)
	switch c.State {
	case dedup.First:
		h.tokens[x.Slot()] = c.Token
		h.lead(key, x)
		h.port.Down(x)
	case dedup.Stale:
		if h.stale == nil {
			h.stale = make(map[int]Answer)
		}
		h.stale[x.Slot()] = c.Value
		h.tokens[x.Slot()] = c.Token
		h.port.Down(x)
	case dedup.Cached:
		if c.Err != nil {
			h.reject(x, c.Err)
			return
		}
		x.Adopt(c.Value)
		h.port.Up(x)
	case dedup.Invalid:
		h.reject(x, fmt.Errorf("%w: %T", dedup.ErrKey, key))
	case dedup.InProgress:
		h.spare.audience = h.audiences[key].join()
		h.followers[x.Slot()] = h.spare
		h.spare = nil // only those who wait cost a follower
	}
}

func (h *dedupHandler[I, K]) reject(x *Exchange[I], err error) {
	x.Reject(err)
	h.port.Up(x)
}

func (h *dedupHandler[I, K]) Response(x *Exchange[I]) {
	token := h.tokens[x.Slot()]
	h.unlead(x)
	switch err := x.Err(); {
	case err == nil:
		h.dedup.Complete(token, x.Answer())
	case h.port.Context().Err() != nil || isExpired(err):
		h.dedup.Fail(token, err, dedup.TTL(0)) // it says nothing about the service
	default:
		h.dedup.Fail(token, err)
	}
	if len(h.stale) > 0 {
		h.fallBack(x)
	}
	h.port.Up(x)
}

// fallBack gives an item whose renewal failed the answer that the others get.
func (h *dedupHandler[I, K]) fallBack(x *Exchange[I]) {
	kept, renews := h.stale[x.Slot()]
	delete(h.stale, x.Slot())
	if renews && x.Err() != nil && h.port.Context().Err() == nil {
		x.Adopt(kept)
	}
}

// Resumed is where followers come back: with the answer, or, where their leader
// belonged to another flow that was aborted or had no time left, to ask again.
func (h *dedupHandler[I, K]) Resumed(x *Exchange[I]) {
	f := h.followers[x.Slot()]
	switch {
	case f.err == nil:
		x.Adopt(f.answer)
	case errors.Is(f.err, ErrAborted) || isExpired(f.err):
		h.Request(x)
		return
	default:
		x.Reject(f.err)
	}
	h.port.Up(x)
}

// leave is called with a follower.
func (h *dedupHandler[I, K]) leave(x *Exchange[I]) {
	f := h.followers[x.Slot()]
	if !f.told.CompareAndSwap(false, true) {
		return // the answer is on its way
	}
	f.audience.leave(x.caller)
	h.reject(x, x.gone())
}

func (h *dedupHandler[I, K]) Observe() any { return h.dedup.Snapshot() }

// follower is an exchange that waits for another's answer. It keeps what it is
// told to itself: it may be told by a stranger's goroutine, and so late that
// the exchange, taken back at an abort, belongs to somebody else.
type follower[I any] struct {
	port   *Port[I]
	x      *Exchange[I]
	answer Answer
	err    error

	told     atomic.Bool // it has its answer, or does not want one any more
	audience *audience   // nil where the call is not bound to callers
}

// Done implements [dedup.Follower].
func (f *follower[I]) Done(a Answer, err error) {
	f.answer, f.err = a, err
	if f.told.CompareAndSwap(false, true) {
		f.port.Resume(f.x)
	}
}

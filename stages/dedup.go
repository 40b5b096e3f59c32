package stages

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/outcome"
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
// key is called from one goroutine at a time and should be quick. A panic of it, or
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
	source := l.source
	policy, own := source.(dedup.Policy)
	if own {
		dedup.Shards(1)(&policy) // only this layer's goroutine uses it
		source = policy
	}
	d, err := (&dedupLayer[I, K]{source, l.key}).dedup()
	if err != nil {
		return nil, err
	}
	h := dedupHandler[I, K]{
		port: p, dedup: d, key: l.key, answers: p.answers(),
		tokens:    make([]dedup.Token, p.Capacity()),
		followers: make([]*follower[I], p.Capacity()),
	}
	if own {
		return newPrivateDedup(h), nil
	}
	return &h, nil
}

// dedupHandler shares calls by a deduplicator that others may use, too.
type dedupHandler[I any, K comparable] struct {
	port    *Port[I]
	dedup   *dedup.Dedup[K, Answer]
	key     func(I) K
	answers answers[I]
	tokens  []dedup.Token  // by slot; of the leaders
	stale   map[int]Answer // by slot; of those that renew an answer

	leads     map[int]lead[K] // by slot; of the leaders with callers
	audiences map[K]*audience // of their calls
	followers []*follower[I]  // by slot
	spare     []*follower[I]  // for those that have to wait
}

func (h *dedupHandler[I, K]) Request(x *Exchange[I]) {
	key, err := protect(h.port.node, func() (K, error) { return h.key(x.Value), nil })
	if err != nil {
		h.reject(x, err)
		return
	}
	f := h.follower(x)
	c := h.dedup.Join(key, f)
	if c.State == dedup.InProgress {
		f.audience = h.audiences[key].join()
		h.followers[x.Slot()] = f
		return
	}
	h.spare = append(h.spare, f)
	h.checked(x, key, &c)
}

// checked goes on with an exchange that does not have to wait.
func (h *dedupHandler[I, K]) checked(x *Exchange[I], key K, c *dedup.Check[Answer]) {
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
		h.reject(x, outcome.AsPermanent(fmt.Errorf("%w: %T", dedup.ErrKey, key)))
	}
}

func (h *dedupHandler[I, K]) reject(x *Exchange[I], err error) {
	x.Reject(err)
	h.port.Up(x)
}

func (h *dedupHandler[I, K]) Response(x *Exchange[I]) {
	token := h.tokens[x.Slot()]
	h.unlead(x)
	if x.Err() == nil {
		h.dedup.Complete(token, h.answers.of(x))
	} else {
		h.fail(token, x.Err())
	}
	h.up(x)
}

// fail ends a flight that brought no result.
func (h *dedupHandler[I, K]) fail(token dedup.Token, err error) {
	switch {
	case h.port.Context().Err() != nil: // followers of other flows shall ask again
		h.dedup.Fail(token, h.port.rt.abortError(), dedup.TTL(0))
		return
	case isExpired(err):
		h.dedup.Fail(token, err, dedup.TTL(0)) // it says nothing about the service
		return
	}
	h.dedup.Fail(token, err)
}

// up sends up a leader.
func (h *dedupHandler[I, K]) up(x *Exchange[I]) {
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
	answer, err := f.answer, f.err
	f.answer, f.err, f.audience = Answer{}, nil, nil
	f.told.Store(false)
	h.spare = append(h.spare, f)
	h.told(x, answer, err)
}

// told goes on with a follower that has got its answer.
func (h *dedupHandler[I, K]) told(x *Exchange[I], answer Answer, err error) {
	switch {
	case err == nil:
		x.Adopt(answer)
	case errors.Is(err, ErrAborted) || isExpired(err):
		h.Request(x)
		return
	default:
		x.Reject(err)
	}
	h.port.Up(x)
}

// leave is called with a follower.
func (h *dedupHandler[I, K]) leave(x *Exchange[I], why error) {
	f := h.followers[x.Slot()]
	if !f.told.CompareAndSwap(false, true) {
		return // the answer is on its way
	}
	f.audience.leave(why)
	h.reject(x, why)
}

// relinquish implements [relinquisher]: the flights under way end, so that their keys
// are not taken for good. It does nothing to those that have ended.
func (h *dedupHandler[I, K]) relinquish() {
	for _, token := range h.tokens {
		h.dedup.Fail(token, ErrAborted, dedup.TTL(0))
	}
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

// follower returns one for x. It is used again when x has been told.
func (h *dedupHandler[I, K]) follower(x *Exchange[I]) *follower[I] {
	n := len(h.spare)
	if n == 0 {
		return &follower[I]{port: h.port, x: x}
	}
	f := h.spare[n-1]
	h.spare = h.spare[:n-1]
	f.x = x
	return f
}

// Done implements [dedup.Follower].
func (f *follower[I]) Done(a Answer, err error) {
	f.answer, f.err = a, err
	if f.told.CompareAndSwap(false, true) {
		f.port.Resume(f.x)
	}
}

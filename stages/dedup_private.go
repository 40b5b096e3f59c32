package stages

import "github.com/weir-go/weir/primitives/dedup"

// privateDedup shares calls by a deduplicator that nobody else uses: it deals with
// a batch at a time, and followers are told in the layer's own goroutine. Items
// that have a caller, who may go before the answer comes, are dealt with one by one.
type privateDedup[I any, K comparable] struct {
	dedupHandler[I, K]

	// a batch on its way down
	asked  int            // of the exchanges
	xs     []*Exchange[I] // those that have a key
	keys   []K
	checks []dedup.Check[Answer]
	local  []*localFollower[I, K] // one for each place in the batch
	wait   []dedup.Follower[Answer]
	idle   []*localFollower[I, K] // those that have been told
	bySlot []*localFollower[I, K] // those that wait

	// a batch on its way up
	ended   []dedup.Token
	results []Answer
}

func newPrivateDedup[I any, K comparable](h dedupHandler[I, K]) *privateDedup[I, K] {
	return &privateDedup[I, K]{dedupHandler: h, bySlot: make([]*localFollower[I, K], h.port.Capacity())}
}

// requests implements [bulkHandler].
func (h *privateDedup[I, K]) requests(xs []*Exchange[I]) {
	for h.asked = 0; h.asked < len(xs); {
		h.ask(xs)
	}
	n := len(h.xs)
	for len(h.local) < n {
		f := &localFollower[I, K]{home: h}
		h.local, h.wait, h.checks = append(h.local, f), append(h.wait, f), append(h.checks, dedup.Check[Answer]{})
	}
	h.dedup.JoinAll(h.checks[:n], h.keys, h.wait[:n])
	for i, x := range h.xs {
		if h.checks[i].State == dedup.InProgress {
			h.enlisted(i, x)
			continue
		}
		h.checked(x, h.keys[i], &h.checks[i])
	}
	clear(h.checks[:n]) // nothing is kept alive
	clear(h.keys)
	clear(h.xs)
	h.xs, h.keys = h.xs[:0], h.keys[:0]
}

// ask goes on asking for the keys until it has all or there is a panic, which fails
// the item.
func (h *privateDedup[I, K]) ask(xs []*Exchange[I]) {
	_, err := protect(h.port.node, func() (struct{}, error) {
		for ; h.asked < len(xs); h.asked++ {
			x := xs[h.asked]
			h.keys = append(h.keys, h.key(x.Value))
			h.xs = append(h.xs, x)
		}
		return struct{}{}, nil
	})
	if err != nil {
		h.reject(xs[h.asked], err)
		h.asked++
	}
}

// enlisted says that x waits, with the follower of place i.
func (h *privateDedup[I, K]) enlisted(i int, x *Exchange[I]) {
	keep(h.port, x)
	h.local[i].x, h.bySlot[x.Slot()] = x, h.local[i]
	h.local[i].audience = h.audiences[h.keys[i]].join()
	if len(h.idle) == 0 {
		h.idle = append(h.idle, &localFollower[I, K]{home: h})
	}
	f := h.idle[len(h.idle)-1]
	h.idle = h.idle[:len(h.idle)-1]
	h.local[i], h.wait[i] = f, f
}

// responses implements [bulkHandler].
func (h *privateDedup[I, K]) responses(xs []*Exchange[I]) {
	for _, x := range xs {
		token := h.tokens[x.Slot()]
		h.unlead(x)
		if err := x.Err(); err != nil {
			h.complete()
			h.fail(token, err)
			continue
		}
		h.ended = append(h.ended, token)
		h.results = append(h.results, h.answers.of(x))
	}
	h.complete()
	if len(h.stale) == 0 {
		upAll(h.port, xs)
		return
	}
	for _, x := range xs {
		h.up(x)
	}
}

// complete ends the flights that brought a result.
func (h *privateDedup[I, K]) complete() {
	h.dedup.CompleteAll(h.ended, h.results)
	clear(h.results)
	h.ended, h.results = h.ended[:0], h.results[:0]
}

// leave is called with a follower, which is one of either kind.
func (h *privateDedup[I, K]) leave(x *Exchange[I], why error) {
	f := h.bySlot[x.Slot()]
	if f == nil {
		h.dedupHandler.leave(x, why)
		return
	}
	h.bySlot[x.Slot()], f.x = nil, nil
	f.audience.leave(why)
	h.reject(x, why)
}

// localFollower is an exchange that waits for an answer in the same goroutine.
type localFollower[I any, K comparable] struct {
	home     *privateDedup[I, K]
	x        *Exchange[I] // nil where it has left
	audience *audience
}

// Done implements [dedup.Follower]. Where the flow was aborted the exchange has
// been taken back.
func (f *localFollower[I, K]) Done(a Answer, err error) {
	h, x := f.home, f.x
	f.x, f.audience = nil, nil
	h.idle = append(h.idle, f)
	if x == nil {
		return
	}
	h.bySlot[x.Slot()] = nil
	if holds(h.port, x) {
		h.told(x, a, err)
	}
}

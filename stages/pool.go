package stages

import (
	"slices"

	"github.com/sourcegraph/conc"
)

// pool is a Map with several workers. Order is kept by tickets: a result is put
// into its slot of the ring, and the worker that fills the slot at the head
// sends on what is ready from there.
type pool[I, O any] struct {
	dealer *dealer[Item[I]]
	m      *mapper[I, O]
	in     *Inlet[I]
	out    *Outlet[O]

	workers conc.WaitGroup

	// guarded by the dealer's mutex
	head     uint64 // the next result to be sent on
	sent     uint64 // how many have been
	ring     []slot[O]
	emitting bool      // a worker is sending on
	outgoing []Item[O] // what it is sending
}

type slot[O any] struct {
	item Item[O]
	done bool
}

func newPool[I, O any](m *mapper[I, O], in *Inlet[I], out *Outlet[O]) *pool[I, O] {
	p := &pool[I, O]{m: m, in: in, out: out}
	p.dealer = newDealer(0, func() []Item[I] { return in.group(batchSize) })
	if !m.settings.Unordered {
		p.outgoing = make([]Item[O], 0, batchSize)
		p.dealer.room = func() int { return len(p.ring) - int(p.dealer.ticket-p.sent) }
	}
	return p
}

// run returns when all workers have.
func (p *pool[I, O]) run() {
	p.in.node.staffed(p.m.settings.Workers, func(n int) {
		widen(p, n)
		staff(&p.dealer.roster, n, func() { p.workers.Go(func() { p.work(nil, 0) }) })
	})
	p.workers.Wait()
}

// widen makes the ring large enough for n workers.
func widen[I, O any](p *pool[I, O], n int) {
	size := max(64, groupSize*n)
	p.dealer.mu.Lock()
	defer p.dealer.mu.Unlock()
	if p.m.settings.Unordered || size <= len(p.ring) {
		return
	}
	ring := make([]slot[O], size)
	for t := p.head; t < p.dealer.ticket; t++ {
		ring[t%uint64(size)] = p.ring[t%uint64(len(p.ring))]
	}
	p.ring = ring
}

// work is a worker: take some items, call the function, give the results. One whose
// goroutine is ended by user code is replaced, and leaves what it had taken, which
// begins with ticket, to the other.
func (p *pool[I, O]) work(taken []Item[I], ticket uint64) {
	w := newWorker(p.in, p.m.f)
	exiting := func(results []Item[O], rest int) {
		give(p, ticket, results)
		left, next := slices.Clone(taken[len(taken)-rest:]), ticket+uint64(len(results))
		p.workers.Go(func() { p.work(left, next) })
	}
	group := make([]Item[I], 0, groupSize)
	for ok := true; ; {
		for len(taken) > 0 {
			results := w.do(taken, exiting)
			give(p, ticket, results)
			taken, ticket = taken[len(results):], ticket+uint64(len(results))
		}
		if taken, ticket, ok = takeDealt(p.dealer, group[:0], w.pace.group()); !ok {
			return
		}
		rested(&w, true) // at the dealer, for the next
	}
}

// give hands on the results of the items that were taken with ticket.
func give[I, O any](p *pool[I, O], ticket uint64, results []Item[O]) {
	if p.m.settings.Unordered {
		p.out.sendAll(compact(results))
		return
	}
	p.dealer.mu.Lock()
	defer p.dealer.mu.Unlock()
	for i, r := range results {
		p.ring[(ticket+uint64(i))%uint64(len(p.ring))] = slot[O]{item: r, done: true}
	}
	if !p.emitting {
		p.emitting = true
		emitReady(p)
		p.emitting = false
	}
}

// emitReady sends on what is ready at the head. There is one emitter at a
// time, so the order holds although it sends without the lock.
func emitReady[I, O any](p *pool[I, O]) {
	for {
		run := p.outgoing[:0]
		for len(run) < batchSize {
			s := &p.ring[p.head%uint64(len(p.ring))]
			if !s.done {
				break
			}
			run = append(run, s.item)
			*s = slot[O]{}
			p.head++
		}
		if len(run) == 0 {
			return
		}
		p.dealer.mu.Unlock()
		p.out.sendAll(compact(run))
		p.dealer.mu.Lock()
		full := p.dealer.room() == 0
		p.sent = p.head
		if full {
			callLocked(&p.dealer.roster, 1)
		}
	}
}

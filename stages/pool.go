package stages

import (
	"sync"

	"github.com/sourcegraph/conc"
)

// pool is a Map with several workers.
//
// The workers deal the items to themselves: the one that finds nothing at hand
// becomes the fetcher and blocks on the inlet, the others sleep until there is
// something to take. Cheap items are taken in groups, as they are timed; others
// one by one, so that no item waits behind a slow one while a worker is free.
//
// Order is kept by tickets. A result is put into its slot of the ring, and the
// worker that fills the slot at the head sends on what is ready from there.
type pool[I, O any] struct {
	m   *mapper[I, O]
	in  *Inlet[I]
	out *Outlet[O]

	wake chan struct{} // one token for each sleeper that has been called

	mu       sync.Mutex
	hand     []Item[I] // fetched, not yet dealt
	fetching bool      // a worker is at the inlet
	ended    bool
	asleep   int    // sleepers that have not been called
	ticket   uint64 // the next item to be dealt
	head     uint64 // the next result to be sent on
	ring     []slot[O]
	emitting bool      // a worker is sending on
	outgoing []Item[O] // what it is sending
	broken   error     // a worker has lost its goroutine
}

type slot[O any] struct {
	item Item[O]
	done bool
}

func newPool[I, O any](m *mapper[I, O], in *Inlet[I], out *Outlet[O]) *pool[I, O] {
	p := &pool[I, O]{m: m, in: in, out: out, wake: make(chan struct{}, m.workers)}
	if !m.unordered {
		p.ring = make([]slot[O], max(64, groupSize*m.workers))
		p.outgoing = make([]Item[O], 0, batchSize)
	}
	return p
}

// run returns when all workers have.
func (p *pool[I, O]) run() error {
	var wg conc.WaitGroup
	for range p.m.workers {
		wg.Go(p.work)
	}
	wg.Wait()
	for _, it := range p.hand { // only where no worker is left to take it
		p.in.abandon(it, p.broken)
	}
	return p.broken
}

// work is a worker: take some items, call the function, give the results.
func (p *pool[I, O]) work() {
	w := worker[I, O]{rt: p.in.rt, node: p.in.node, f: p.m.f}
	taken := make([]Item[I], 0, groupSize)
	var ticket uint64
	exiting := func(results []Item[O]) {
		p.give(ticket, results)
		p.mu.Lock()
		p.broken = ErrGoexit
		p.mu.Unlock()
	}
	var ok bool
	for {
		if taken, ticket, ok = p.take(taken[:0], w.pace.group()); !ok {
			return
		}
		p.give(ticket, w.do(taken, exiting))
	}
}

// take moves up to n items into taken and returns the ticket of the first. It
// blocks until there is one and returns false at the end of the stream.
func (p *pool[I, O]) take(taken []Item[I], n int) ([]Item[I], uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		n := min(n, len(p.hand), p.roomLocked())
		switch {
		case n > 0:
			taken = append(taken, p.hand[:n]...)
			p.hand = p.hand[n:]
			t := p.ticket
			p.ticket += uint64(n)
			p.callLocked(1) // to take the rest, or to fetch
			return taken, t, true
		case len(p.hand) == 0 && p.ended:
			return nil, 0, false
		case len(p.hand) == 0 && !p.fetching:
			p.fetchLocked()
		default:
			p.sleepLocked()
		}
	}
}

// roomLocked is how many more items may be dealt before the head of the ring
// has to move.
func (p *pool[I, O]) roomLocked() int {
	if p.m.unordered {
		return batchSize
	}
	return len(p.ring) - int(p.ticket-p.head)
}

// fetchLocked gets the next batch. It blocks without the lock.
func (p *pool[I, O]) fetchLocked() {
	p.fetching = true
	p.mu.Unlock()
	got := p.in.group(batchSize)
	p.mu.Lock()
	p.fetching = false
	p.hand = got
	if got == nil {
		p.ended = true
		p.callLocked(p.m.workers)
	}
}

func (p *pool[I, O]) sleepLocked() {
	p.asleep++
	p.mu.Unlock()
	<-p.wake
	p.mu.Lock()
}

// callLocked wakes up to n sleepers.
func (p *pool[I, O]) callLocked(n int) {
	for range min(n, p.asleep) {
		p.asleep--
		p.wake <- struct{}{} // never blocks: at most a token for each worker
	}
}

// give hands on the results of the items that were taken with ticket.
func (p *pool[I, O]) give(ticket uint64, results []Item[O]) {
	if p.m.unordered {
		p.out.sendAll(compact(results))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range results {
		p.ring[(ticket+uint64(i))%uint64(len(p.ring))] = slot[O]{item: r, done: true}
	}
	if !p.emitting {
		p.emitting = true
		p.emitLocked()
		p.emitting = false
	}
}

// emitLocked sends on what is ready at the head. There is one emitter at a
// time, so the order holds although it sends without the lock.
func (p *pool[I, O]) emitLocked() {
	for {
		full := p.roomLocked() == 0
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
		if full {
			p.callLocked(1)
		}
		p.mu.Unlock()
		p.out.sendAll(compact(run))
		p.mu.Lock()
	}
}

package stages

import "sync"

// dealer deals what comes in batches to several workers, one by one.
//
// The workers serve themselves: the one that finds nothing at hand becomes the
// fetcher and blocks for the next batch, the others sleep until there is
// something to take. So no item waits behind a slow one while a worker is free.
// Cheap items are taken in groups, which costs a lock a group.
type dealer[E any] struct {
	fetch func() []E // blocks for the next batch; nil at the end
	room  func() int // how many more may be dealt now; called with mu held

	wake chan struct{} // one token for each sleeper that has been called

	mu       sync.Mutex
	hand     []E // fetched, not yet dealt
	fetching bool
	ended    bool
	asleep   int    // sleepers that have not been called
	ticket   uint64 // the next item to be dealt
}

func newDealer[E any](workers int, fetch func() []E) *dealer[E] {
	return &dealer[E]{
		fetch: fetch,
		room:  func() int { return batchSize },
		wake:  make(chan struct{}, workers),
	}
}

// take moves up to n items into taken and returns the ticket of the first. It
// blocks until there is one and returns false at the end.
func (d *dealer[E]) take(taken []E, n int) ([]E, uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		m := min(n, len(d.hand), d.room())
		switch {
		case m > 0:
			taken = append(taken, d.hand[:m]...)
			d.hand = d.hand[m:]
			t := d.ticket
			d.ticket += uint64(m)
			d.callLocked(1) // to take the rest, or to fetch
			return taken, t, true
		case len(d.hand) == 0 && d.ended:
			return nil, 0, false
		case len(d.hand) == 0 && !d.fetching:
			d.fetchLocked()
		default:
			d.sleepLocked()
		}
	}
}

// fetchLocked gets the next batch. It blocks without the lock.
func (d *dealer[E]) fetchLocked() {
	d.fetching = true
	d.mu.Unlock()
	got := d.fetch()
	d.mu.Lock()
	d.fetching = false
	d.hand = got
	if len(got) == 0 {
		d.ended = true
		d.callLocked(cap(d.wake))
	}
}

func (d *dealer[E]) sleepLocked() {
	d.asleep++
	d.mu.Unlock()
	<-d.wake
	d.mu.Lock()
}

// callLocked wakes up to n sleepers.
func (d *dealer[E]) callLocked(n int) {
	for range min(n, d.asleep) {
		d.asleep--
		d.wake <- struct{}{} // never blocks: at most a token for each worker
	}
}

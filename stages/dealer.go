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
	live     int // workers at work
	target   int // how many there shall be
	begun    bool
	hand     []E // fetched, not yet dealt
	fetching bool
	ended    bool
	asleep   int    // sleepers that have not been called
	ticket   uint64 // the next item to be dealt
	idle     int    // workers that have nothing
	guest    bool   // another goroutine does a worker's work
}

// maxWorkers bounds the workers of a stage: beyond it they are a mistake.
const maxWorkers = 1 << 20

func newDealer[E any](workers int, fetch func() []E) *dealer[E] {
	return &dealer[E]{
		fetch:  fetch,
		room:   func() int { return batchSize },
		wake:   make(chan struct{}, maxWorkers), // takes no memory: its tokens have no size
		target: workers,
	}
}

// staff brings the workers to n: it has spawn called for each that is missing,
// and those too many leave when they come back for more.
func (d *dealer[E]) staff(n int, spawn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.target = n
	if d.begun && d.live == 0 {
		return // all have left, and nobody would wait for more
	}
	d.begun = true
	for d.live < n && !d.ended {
		d.live++
		spawn()
	}
	d.callLocked(d.live - n)
}

// take moves up to n items into taken and returns the ticket of the first. It
// blocks until there is one. It returns false where the worker shall leave: at
// the end, or because there are too many.
func (d *dealer[E]) take(taken []E, n int) ([]E, uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle++
	defer func() { d.idle-- }()
	for {
		m := min(n, len(d.hand), d.room())
		if d.guest && d.busy()+1 >= d.target {
			m = 0
		}
		switch {
		case d.live > d.target:
			d.live--
			d.callLocked(1) // whoever was called may have been this one
			return nil, 0, false
		case m > 0:
			taken = append(taken, d.hand[:m]...)
			d.hand = d.hand[m:]
			t := d.ticket
			d.ticket += uint64(m)
			d.callLocked(1) // to take the rest, or to fetch
			return taken, t, true
		case len(d.hand) == 0 && d.ended:
			d.live--
			return nil, 0, false
		case len(d.hand) == 0 && !d.fetching:
			d.fetchLocked()
		default:
			d.sleepLocked()
		}
	}
}

// busy returns how many workers have something to do. The mutex is held.
func (d *dealer[E]) busy() int { return d.live - d.idle }

// sit makes a guest of the calling goroutine: it may do the work of a worker, until it
// stands up, where one has nothing to do.
func (d *dealer[E]) sit() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guest = len(d.hand) == 0 && d.busy() < d.target
	return d.guest
}

// stand ends what sit began.
func (d *dealer[E]) stand() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guest = false
	if len(d.hand) > 0 {
		d.callLocked(1)
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
		d.callLocked(d.asleep)
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

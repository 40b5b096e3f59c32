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
	hand  []E        // fetched, not yet dealt

	roster
}

// roster is what a dealer knows of its workers. As with a [level], there are functions in
// place of methods.
type roster struct {
	wake chan struct{} // one token, which has no size, for each sleeper that has been called

	mu       sync.Mutex
	live     int // workers at work
	target   int // how many there shall be
	begun    bool
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
		roster: roster{wake: make(chan struct{}, maxWorkers), target: workers},
	}
}

// staff brings the workers to n: it has spawn called for each that is missing,
// and those too many leave when they come back for more.
func staff(d *roster, n int, spawn func()) {
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
	callLocked(d, d.live-n)
}

// takeDealt moves up to n items into taken and returns the ticket of the first. It
// blocks until there is one. It returns false where the worker shall leave: at
// the end, or because there are too many.
func takeDealt[E any](d *dealer[E], taken []E, n int) ([]E, uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle++
	defer func() { d.idle-- }()
	for {
		m := min(n, len(d.hand), d.room())
		if d.guest && busy(&d.roster)+1 >= d.target {
			m = 0
		}
		switch {
		case d.live > d.target:
			d.live--
			callLocked(&d.roster, 1) // whoever was called may have been this one
			return nil, 0, false
		case m > 0:
			taken = append(taken, d.hand[:m]...)
			d.hand = d.hand[m:]
			t := d.ticket
			d.ticket += uint64(m)
			callLocked(&d.roster, 1) // to take the rest, or to fetch
			return taken, t, true
		case len(d.hand) == 0 && d.ended:
			d.live--
			return nil, 0, false
		case len(d.hand) == 0 && !d.fetching:
			fetchLocked(d)
		default:
			sleepLocked(&d.roster)
		}
	}
}

// busy returns how many workers have something to do. The mutex is held.
func busy(d *roster) int { return d.live - d.idle }

// sit makes a guest of the calling goroutine: it may do the work of a worker, until it
// stands up, where one has nothing to do.
func sit[E any](d *dealer[E]) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guest = len(d.hand) == 0 && busy(&d.roster) < d.target
	return d.guest
}

// stand ends what sit began.
func stand[E any](d *dealer[E]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guest = false
	if len(d.hand) > 0 {
		callLocked(&d.roster, 1)
	}
}

// fetchLocked gets the next batch. It blocks without the lock.
func fetchLocked[E any](d *dealer[E]) {
	d.fetching = true
	d.mu.Unlock()
	got := d.fetch()
	d.mu.Lock()
	d.fetching = false
	d.hand = got
	if len(got) == 0 {
		d.ended = true
		callLocked(&d.roster, d.asleep)
	}
}

func sleepLocked(d *roster) {
	d.asleep++
	d.mu.Unlock()
	<-d.wake
	d.mu.Lock()
}

// callLocked wakes up to n sleepers.
func callLocked(d *roster, n int) {
	for range min(n, d.asleep) {
		d.asleep--
		d.wake <- struct{}{} // never blocks: at most a token for each worker
	}
}

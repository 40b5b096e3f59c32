package lanes

import (
	"sync"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// keyed is a stage that calls an op by key. Calls for items of equal keys are made in order, one at
// a time. Calls for different keys are made from several goroutines.
//
// The goroutine of the stage puts items into lanes, one for each key that has items. A worker takes
// items of one or more lanes, up to as many as may share a clock reading. It holds their lanes
// until it has sent the results on.
type keyed struct {
	in      *kernel.Inlet
	out     *kernel.Outlet
	keys    kernel.Keys
	results handoff.Columns
	numbers [handoff.BatchSize]int32 // keys of the places of the batch that is sorted
	gone    sync.WaitGroup

	mu     sync.Mutex     // Guarded by: mu, all fields below
	work   sync.Cond      // a lane is ready, or workers must leave
	room   sync.Cond      // there is room for items
	items  *handoff.Batch // by slot
	next   []int32        // of a slot: the next one of its lane
	free   []int32        // slots without an item
	lanes  []lane         // by key
	ready  []int32        // keys whose lanes have items and no worker, from index first on
	first  int
	rest   []int32 // keys whose lanes have become empty
	held   int     // items in lanes and at workers
	asleep int
	coming bool // a worker was woken or started and has not taken items yet
	hired  int  // workers that exist
	wanted int  // workers that there should be
	closed bool
}

// lane is the items of one key, as a list of slots.
type lane struct {
	head, tail int32
	state      laneState
	listed     bool // it is in rest
}

type laneState uint8

const (
	idle   laneState = iota // no items
	queued                  // in ready
	taken                   // a worker has it
)

// perWorker is the number of items that the stage holds for each worker.
const perWorker = 16

// noSlot ends a list of slots.
const noSlot = -1

// Run calls op for the items of in and sends the results by out, until the stream has ended. Each
// worker holds the lanes of some keys at a time.
func Run(in *kernel.Inlet, out *kernel.Outlet, keys kernel.Keys, op kernel.Op, workers int, results handoff.Columns) {
	n := in.Node()
	n.Does(op)
	l := &keyed{in: in, out: out, keys: keys, results: results}
	l.work.L, l.room.L = &l.mu, &l.mu
	n.Staff(workers)
	n.OnWorkers(l.staff)
	defer func() { // also if user code ends the goroutine
		n.OnWorkers(nil)
		l.close()
	}()
	for {
		from, to, ok := in.Take(handoff.BatchSize)
		if !ok {
			return
		}
		for from < to {
			from = l.sort(from, to)
		}
	}
}

// sort puts the places from from up to to into lanes, until one fails. It returns the first place
// that it has not done.
func (l *keyed) sort(from, to int) (next int) {
	l.tidy()
	at, put := from, from
	next = l.in.Visit(from, to, func(i int) (err error) {
		if l.in.Healthy(i) {
			l.numbers[i], err = l.keys.Of(l.in.B, i)
		}
		at = i + 1
		return err
	}, func(i int, err error, attempts int) {
		if put < i {
			l.put(put, i)
		}
		put = i + 1
		l.fail(i, err, attempts)
	})
	if put < at {
		l.put(put, at)
	}
	return next
}

// fail accounts for the item at place i as failed. An item that failed before passes the stage.
func (l *keyed) fail(i int, err error, tries int) {
	m := l.in.Receive(i)
	if m.Fault() != nil {
		l.in.Pass(&m)
		return
	}
	l.in.FailAt(i, err, tries)
}

// put adds the healthy items of places to the lanes of their keys. The failed ones pass the stage.
// It blocks while there is no room.
func (l *keyed) put(from, to int) {
	b := l.in.B
	for i := from + b.Plain(from, to); i < to; i++ {
		if m := l.in.MetaAt(i); m.Fault() != nil {
			l.in.Pass(&m)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; from < to; from++ { // skips the failed place behind each run of healthy ones
		for end := from + b.Plain(from, to); from < end; {
			for l.held >= l.most() {
				l.call()
				l.room.Wait()
			}
			n := min(end-from, l.most()-l.held)
			l.add(b, from, n)
			from += n
		}
	}
	l.call()
}

// most returns how many items the stage may hold. The caller holds the mutex.
func (l *keyed) most() int { return max(handoff.BatchSize, perWorker*l.wanted) }

// add adds n items, from place from on, to the lanes of their keys. The caller holds the mutex.
func (l *keyed) add(b *handoff.Batch, from, n int) {
	l.held += n
	for len(l.free) < n {
		l.grow()
	}
	left := len(l.free) - n
	slots := l.free[left:]
	l.free = l.free[:left]
	l.items.Scatter(slots, b, from)
	for i, s := range slots {
		l.queue(l.numbers[from+i], s)
	}
}

// queue puts a slot into the lane of a key. The caller holds the mutex.
func (l *keyed) queue(key, s int32) {
	for int(key) >= len(l.lanes) {
		l.lanes = append(l.lanes, lane{head: noSlot, tail: noSlot})
	}
	l.next[s] = noSlot
	lane := &l.lanes[key]
	if lane.head == noSlot {
		lane.head = s
	} else {
		l.next[lane.tail] = s
	}
	lane.tail = s
	if lane.state == idle {
		lane.state = queued
		l.enqueue(key)
	}
}

// grow doubles the number of slots. The caller holds the mutex.
func (l *keyed) grow() {
	had := len(l.next)
	items := handoff.NewBatch(l.in.Columns(), max(handoff.BatchSize, 2*had))
	if had > 0 {
		items.Take(0, l.items, 0, had)
	}
	l.items = items
	for s := had; s < items.Size(); s++ {
		l.next = append(l.next, noSlot)
		l.free = append(l.free, int32(s))
	}
}

func (l *keyed) enqueue(key int32) {
	if l.first > 0 && len(l.ready) == cap(l.ready) {
		l.ready, l.first = l.ready[:copy(l.ready, l.ready[l.first:])], 0
	}
	l.ready = append(l.ready, key)
}

// mostRest is how many keys without items keep their numbers: such keys often come back soon.
const mostRest = 2 * handoff.BatchSize

// tidy forgets the keys without items if there are many.
func (l *keyed) tidy() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) < mostRest {
		return
	}
	for _, key := range l.rest {
		lane := &l.lanes[key]
		lane.listed = false
		if lane.state == idle {
			l.keys.Forget(key)
		}
	}
	l.rest = l.rest[:0]
}

// ---- Workers

// staff sets the number of workers.
func (l *keyed) staff(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = n
	l.work.Broadcast()
	l.room.Signal()
	l.coming = false
	l.call()
}

// call wakes or starts one worker if a lane is ready. That worker calls the next one if there is
// more than it takes. The caller holds the mutex.
func (l *keyed) call() {
	switch {
	case l.first == len(l.ready) || l.coming:
	case l.asleep > 0:
		l.coming = true
		l.work.Signal()
	case l.hired < l.wanted:
		l.coming = true
		l.hired++
		l.gone.Go(func() { l.serve(kernel.NewCaller(l.in.Node(), l.in.Columns(), l.results)) })
	}
}

// serve is the goroutine of a worker. If user code ends it, another worker takes its place.
func (l *keyed) serve(c *kernel.Caller) {
	var mine []int32
	returned := false
	defer func() {
		if !returned {
			l.leave(mine, c.Made())
		}
	}()
	for {
		if mine = l.take(mine, c); len(mine) == 0 {
			break
		}
		c.Call(l.out)
	}
	returned = true
}

// take gives back the lanes mine, whose items are done, and moves items of other lanes into c. It
// returns their keys: no other worker has these lanes until they are given back. take blocks until
// a lane is ready. It returns no keys if the worker must leave.
func (l *keyed) take(mine []int32, c *kernel.Caller) []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveBack(mine, c.Made())
	mine = mine[:0]
	for l.first == len(l.ready) || l.hired > l.wanted {
		if l.hired > l.wanted || l.closed {
			l.hired--
			l.coming = false
			l.call()
			return nil
		}
		l.asleep++
		l.work.Wait()
		l.asleep--
	}
	l.coming = false
	had := len(l.free)
	for end := had + c.Most(); l.first < len(l.ready) && len(l.free) < end; l.first++ {
		key := l.ready[l.first]
		l.unload(key, end-len(l.free))
		mine = append(mine, key)
	}
	c.Add(l.items, l.free[had:])
	l.call()
	return mine
}

// unload frees up to most slots of a lane. The worker moves their items out before it releases the
// mutex.
func (l *keyed) unload(key int32, most int) {
	lane := &l.lanes[key]
	lane.state = taken
	for ; most > 0 && lane.head != noSlot; most-- {
		l.free = append(l.free, lane.head)
		lane.head = l.next[lane.head]
	}
}

// giveBack frees lanes of which n items are done. The caller holds the mutex.
func (l *keyed) giveBack(mine []int32, n int) {
	for _, key := range mine {
		lane := &l.lanes[key]
		if lane.head != noSlot {
			lane.state = queued
			l.enqueue(key)
			continue
		}
		lane.state = idle
		if !lane.listed {
			lane.listed = true
			l.rest = append(l.rest, key)
		}
	}
	full := l.held >= l.most()
	if l.held -= n; full && n > 0 {
		l.room.Signal()
	}
}

// leave accounts for a worker whose goroutine was ended by user code.
func (l *keyed) leave(mine []int32, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveBack(mine, n)
	l.hired--
	l.call()
}

// close lets the workers leave when all items are done, and waits for them.
func (l *keyed) close() {
	l.mu.Lock()
	l.closed = true
	l.work.Broadcast()
	l.mu.Unlock()
	l.gone.Wait()
}

package turn

import (
	"sync"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
)

// calls are calls that a worker must make for items of a flight.
type calls struct {
	f       *Flight
	items   kernel.Mask
	limited kernel.Mask // those of items that have limits; a copy, because the turn owns the flight's mask
}

// crew has the workers of a section. It starts a worker when there is work and no worker is idle.
// It wakes the worker first that became idle last.
type crew struct {
	section *Section

	mu     sync.Mutex // Guarded by: mu, all fields below
	queue  []calls
	from   int // first entry of queue
	idle   []*worker
	coming bool // a worker was woken or started and has not taken calls yet
	most   int  // workers that there should be
	live   int  // workers that exist
	closed bool
	gone   sync.WaitGroup
}

// worker makes calls in place: it reads and writes the columns of the flight.
type worker struct {
	*crew
	wake  chan struct{}
	pace  kernel.Pace
	group kernel.Group
}

// stint is the time, in nanoseconds, after which a worker sends the responses so far up.
const stint = kernel.GroupTime

// staff sets the number of workers. If it changes, callers that wait for a worker's place may begin.
// A goroutine of the crew tells the section, because the caller holds the lock of the node.
func (c *crew) staff(workers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most != 0 {
		c.gone.Go(func() { c.section.postFrom(note{kind: staffed}) })
	}
	c.most = workers
	for c.live > c.most && len(c.idle) > 0 {
		c.dismiss()
	}
	if c.from < len(c.queue) {
		c.call()
	}
}

// dismiss ends an idle worker. The caller holds the mutex.
func (c *crew) dismiss() {
	w := c.idle[0]
	c.idle = c.idle[1:]
	c.live--
	close(w.wake)
}

func (c *crew) push(cs []calls) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from > 0 && len(c.queue)+len(cs) > cap(c.queue) {
		c.queue, c.from = c.queue[:copy(c.queue, c.queue[c.from:])], 0
	}
	c.queue = append(c.queue, cs...)
	c.call()
}

// call wakes or starts one worker. That worker calls the next one if there is more than it takes.
// The caller holds the mutex.
func (c *crew) call() {
	switch n := len(c.idle); {
	case c.coming:
	case n > 0:
		w := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.coming = true
		w.wake <- struct{}{}
	case c.live < c.most:
		c.live++
		c.coming = true
		c.start()
	}
}

// start starts a worker.
func (c *crew) start() {
	w := &worker{crew: c, wake: make(chan struct{}, 1), pace: kernel.NewPace(stint)}
	c.gone.Go(w.run)
}

// run is the goroutine of a worker. If user code ends it, a new worker replaces it.
func (w *worker) run() {
	n, g := w.section.node, &w.group
	n.Label()
	g.Bind(n)
	returned := false
	defer func() {
		if !returned {
			w.mu.Lock()
			w.start()
			w.mu.Unlock()
		}
	}()
	for first := true; ; first = false {
		f, from, to, limited := w.take(first)
		if f == nil {
			break
		}
		w.do(f, from, to, limited)
	}
	returned = true
}

// do makes the calls for adjacent items of a flight, and sends the responses up.
func (w *worker) do(f *Flight, from, to int, limited kernel.Mask) {
	var dropped kernel.Mask
	w.group.At(&f.Err, f.calls)
	next := from
	defer func() { // also if user code ends the goroutine
		if next < to { // the run is aborted: no function is called for the rest
			w.calls(f, next, to, limited, &dropped)
		}
		w.section.limit.Store(w.pace.PassOn())
		w.section.post(note{kind: response, f: f, items: kernel.Span(from, to), other: dropped})
	}()
	w.section.node.Calling(1)
	defer w.section.node.Calling(-1)
	for next < to {
		at := next
		next = min(to, at+w.pace.Share())
		w.calls(f, at, next, limited, &dropped)
	}
}

// calls makes the calls for adjacent items that share a clock reading.
func (w *worker) calls(f *Flight, from, to int, limited kernel.Mask, dropped *kernel.Mask) {
	r, g := w.section.node.Run(), &w.group
	begin := r.Now()
	defer func() {
		end := r.Now()
		n := to - from
		if r.Timed() {
			w.section.node.Stretch(w.pace.Longest(n, end-begin))
		}
		w.pace.Note(n, end-begin)
		tried := kernel.Span(from, to) &^ g.Untried()
		*dropped |= g.Dropped()
		if tried == 0 {
			return
		}
		each := (end - begin) / int64(tried.Len())
		for ; tried != 0; tried &= tried - 1 {
			i := tried.First()
			f.work[i] += each
			f.Attempts[i]++
		}
	}()
	var limits *[handoff.BatchSize]lineage.Limit
	if limited != 0 { // otherwise the turn may be about to set them, for other items
		limits = f.limits
	}
	g.Call(f.In, f.Out, from, to, limited, limits)
}

// take takes adjacent items from the queue: one item until their cost is known. It blocks until
// there are some. f is nil if the worker must leave.
func (w *worker) take(called bool) (f *Flight, from, to int, limited kernel.Mask) {
	c := w.crew
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coming = c.coming && !called
	for len(c.queue) == c.from || c.live > c.most {
		if c.live > c.most || c.closed {
			c.live--
			if c.from < len(c.queue) {
				c.call()
			}
			return nil, 0, 0, 0
		}
		c.queue, c.from = c.queue[:0], 0
		c.idle = append(c.idle, w)
		c.mu.Unlock()
		c.section.starving()
		_, called := <-w.wake
		c.mu.Lock()
		if !called { // the worker was dismissed
			return nil, 0, 0, 0
		}
		c.coming = false
	}
	first := &c.queue[c.from]
	f, limited = first.f, first.limited
	from, to = first.items.Run()
	to = min(to, from+max(1, int(stint/max(1, w.pace.Cost()))))
	if first.items = first.items.Without(from, to); first.items == 0 {
		first.f = nil
		c.from++
	}
	if c.from < len(c.queue) {
		c.call()
	}
	return f, from, to, limited
}

// close ends the workers, which must be idle, and waits for them.
func (c *crew) close() {
	c.mu.Lock()
	c.closed = true
	for len(c.idle) > 0 {
		c.dismiss()
	}
	c.mu.Unlock()
	c.gone.Wait()
}

package stages

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weir-go/weir/primitives/guard"
)

// gate is the entrance and the exit of a section: it turns items into exchanges
// and back, limits how many there are, and restores their order.
//
// The limit is the guard: a bounded channel of free exchanges that works as a
// semaphore. The entrance takes one for each item and waits while there is
// none, which is backpressure; the exit puts it back. Where the section has a
// guard as its outermost layer an item also takes a permit of it, and the
// permit is back as soon as the response is: an item that waits at the exit,
// for its turn or for room below, limits nobody's calls.
type gate[I, O, P any] struct {
	in       *Inlet[I]
	out      *Outlet[P]
	join     func(I, O) P // of an item's own request and the answer
	guard    *guard.Guard // nil where the user set none outermost
	shared   bool         // others hold permits of the guard too, or there are fewer than exchanges
	private  bool         // nobody else does, and nobody is shed
	capacity int
	ordered  bool
	calls    atomic.Bool // some items have callers

	free *edge[*Exchange[I]] // exchanges that are not in use
	top  *edge[*Exchange[I]] // to the first layer
	back *edge[*Exchange[I]] // from the first layer, and past it

	floors  []*floor[I]
	bottom  *callStage[I, O]
	carries bool // all layers can deal with batches

	_        apart // the entrance
	made     int   // exchanges so far
	arrived  int64 // items that are not yet counted
	unused   []*Exchange[I]
	taken    int          // of unused
	spare    *Exchange[I] // taken for an item that was shed
	down     []*Exchange[I]
	ticket   uint64
	permits  []guard.Permit
	group    []Item[I]
	next     int            // of the group
	begun    bool           // the next has been counted
	waiting  *Exchange[I]   // of the next, asks for its permit
	asking   bool           // those that are about to go down do
	denied   error          // the next has lost its goroutine to a hook
	stash    []*Exchange[I] // free, and the entrance's own
	visited  *floor[I]      // whose turn it has; for this and what follows see carry
	seated   bool           // it makes the calls of down
	called   int            // how many it has made
	unloaded bool           // user code has ended the goroutine

	_        apart          // the exit
	exit     sync.Mutex     // its turn
	returned []*Exchange[I] // what its own goroutine has received
	batch    []*Exchange[I]
	at       int    // how many of the batch have been received
	guest    bool   // it is the entrance that deals with the batch
	sending  bool   // and does the work of the stage below
	now      int64  // when it was there
	last     uint64 // the number of tickets, once it is known
	head     uint64
	ring     []*Exchange[I]
	freed    *Exchange[I]   // gives its permit back
	going    *Exchange[I]   // is joined with its item
	done     []*Exchange[I] // to be put back
	spent    []guard.Permit
	items    []Item[P]
	sum      tally
}

func (g *gate[I, O, P]) init() {
	g.free, g.back = newInner[I](g.capacity), newInner[I](g.capacity)
	g.ring = make([]*Exchange[I], g.capacity)
	g.last = ^uint64(0)
}

// enter is the goroutine of the entrance. Where a hook of the guard ends it, which
// fails those that it was called for, what is deferred goes on.
func (g *gate[I, O, P]) enter() {
	returned := false
	defer func() {
		if !returned {
			if !g.unloaded {
				g.struck()
			}
			g.unloaded = false
			g.enter()
		}
	}()
	for {
		for ; g.next < len(g.group); g.next++ {
			it := &g.group[g.next]
			if it.fault == nil && !g.begun {
				g.arrived++
			}
			g.begun = true
			g.admit(it)
			g.begun = false
		}
		if g.more() {
			continue
		}
		g.depart(true)
		if g.group, g.next = g.in.group(batchSize), 0; g.group == nil {
			break
		}
	}
	put(g.back, nil) // no more will come
	returned = true
}

// more takes what has come meanwhile, up to another batch, where it goes the same way:
// who waits for room in the buffer is woken up for both at once.
func (g *gate[I, O, P]) more() bool {
	if len(g.down) == 0 || len(g.down) > batchSize || !g.mayCarry() {
		return false
	}
	if atHand(g.in) == 0 && pollInlet(g.in) != ready {
		return false
	}
	g.group, g.next = g.in.group(batchSize), 0
	return true
}

// struck fails whom the hook was called for. One that has no exchange yet comes once
// more, and is not let in.
func (g *gate[I, O, P]) struck() {
	g.hookFailed(ErrGoexit)
	switch x := g.waiting; {
	case x != nil:
		x.err = ErrGoexit
		put(g.back, x)
		g.waiting, g.begun = nil, false
		g.next++
	case g.asking:
		g.asking = false
		g.refuse(ErrGoexit)
	default:
		g.denied = ErrGoexit
	}
}

// flush sends down what has been admitted.
func (g *gate[I, O, P]) flush() { g.depart(false) }

// depart is flush, or takes what has been admitted through the section itself.
func (g *gate[I, O, P]) depart(carry bool) {
	add(&g.in.node.in, g.arrived)
	g.arrived = 0
	if len(g.down) == 0 {
		return
	}
	if g.private {
		g.permit()
	}
	if carry && g.mayCarry() {
		g.carry()
		return
	}
	putAll(g.top, g.down)
	g.down = g.down[:0]
}

// permit gets the exchanges that are about to go down their permits, of a guard
// that has one for each exchange there is.
func (g *gate[I, O, P]) permit() {
	n := len(g.down)
	if cap(g.permits) < n {
		g.permits = make([]guard.Permit, n)
	}
	g.asking = true
	n, err := protect(g.in.node, func() (int, error) { return g.guard.TryAcquireAll(g.permits[:n]), nil })
	g.asking = false
	if err != nil {
		g.hookFailed(err)
		g.refuse(err)
		return
	}
	for i, x := range g.down[:n] {
		x.permit = g.permits[i]
	}
	g.asking = true
	for _, x := range g.down[n:] { // it has been made smaller
		x.permit, _ = g.acquire(x) // or there is no time left, which the call will see
	}
	g.asking = false
}

// refuse fails those that were about to go down.
func (g *gate[I, O, P]) refuse(err error) {
	for _, x := range g.down {
		x.err = err
	}
	putAll(g.back, g.down)
	g.down = g.down[:0]
}

// admit makes an exchange of the item. It blocks while the section is full.
func (g *gate[I, O, P]) admit(it *Item[I]) {
	var permit guard.Permit
	err := g.denied
	g.denied = nil
	if it.fault == nil && err == nil && g.sheds() {
		if permit, err = g.tryAcquire(); err != nil && !isPanic(err) {
			g.shed(it, err)
			return
		}
	}
	x := g.take()
	x.Value, x.item, x.trail, x.fault, x.permit = it.Value, it.Value, it.trail, it.fault, permit
	x.err, x.attempts, x.work, x.limit = nil, 0, 0, it.trail.bounds()
	if x.caller != nil && !g.calls.Load() {
		g.calls.Store(true)
	}
	x.ticket = g.ticket
	g.ticket++
	if x.err = err; it.fault == nil && err == nil {
		x.err = g.wait(x)
	}
	if it.fault != nil || x.err != nil { // passes the section, in its place
		put(g.back, x)
		return
	}
	g.down = append(g.down, x)
}

func (g *gate[I, O, P]) sheds() bool { return g.guard != nil && g.guard.Sheds() }

// wait gets the exchange a permit. A guard of the section's own has one for
// each exchange there is, unless it is adaptive; at that one, or at a shared one,
// it may take long, and what has been admitted must not wait, since it may hold
// the very permits.
func (g *gate[I, O, P]) wait(x *Exchange[I]) (err error) {
	if x.bounded() {
		if err := x.over(g.in.rt); err != nil {
			return err
		}
	}
	if g.shared && !g.guard.Sheds() {
		g.flush()
		g.waiting = x
		x.permit, err = g.acquire(x)
		g.waiting = nil
	}
	// The flag follows the end of the context by a moment: Acquire may see the
	// end first.
	if g.in.rt.ctx.Err() != nil {
		return g.in.rt.abortError()
	}
	return err
}

// tryAcquire asks a guard that sheds for a permit. A permit is not held while the
// section is full of items that are done and wait for their turn: then it is asked
// for when there is room.
func (g *gate[I, O, P]) tryAcquire() (guard.Permit, error) {
	try := func() (guard.Permit, error) { return g.guard.TryAcquire() }
	permit, err := g.ask(try)
	if err != nil || g.ready() {
		return permit, err
	}
	permit.Release()
	g.spare = g.take()
	return g.ask(try)
}

// acquire waits for a permit for as long as the item may wait.
func (g *gate[I, O, P]) acquire(x *Exchange[I]) (guard.Permit, error) {
	ctx, cancel := contextOf(&x.limit, g.in.rt.ctx, g.in.rt.base)
	defer cancel()
	permit, err := g.ask(func() (guard.Permit, error) { return g.guard.Acquire(ctx) })
	return permit, blame(&x.limit, g.in.rt, err)
}

// ask calls the guard, which may call a hook of its user.
func (g *gate[I, O, P]) ask(acquire func() (guard.Permit, error)) (guard.Permit, error) {
	permit, err := protect(g.in.node, acquire)
	if isPanic(err) {
		g.hookFailed(err)
	}
	return permit, err
}

// hookFailed ends the run: a hook of the guard has panicked.
func (g *gate[I, O, P]) hookFailed(err error) {
	g.in.rt.fail(fmt.Errorf("stage %q: guard: %w", g.in.node.name, err))
}

func isPanic(err error) bool {
	_, ok := err.(*PanicError) //nolint:errorlint // as protect returns it
	return ok
}

// shed lets an item go that the guard refused: at once, ahead of those inside.
func (g *gate[I, O, P]) shed(it *Item[I], err error) {
	g.in.node.shed.Add(1)
	g.out.pass(g.in.rt.newItemError(g.in.node, err, 0, it.Value, it.trail), it.trail)
}

// ready reports whether there is a free exchange.
func (g *gate[I, O, P]) ready() bool {
	if g.spare != nil || len(g.stash) > 0 || g.taken < len(g.unused) {
		return true
	}
	var state state
	g.unused, state = poll(g.free, g.unused)
	g.taken = 0
	return state == ready || g.made < g.capacity
}

// take returns a free exchange, and blocks while there is none.
func (g *gate[I, O, P]) take() *Exchange[I] {
	if !g.ready() {
		g.flush()
		g.unused = <-g.free.ch
	}
	if x := g.spare; x != nil {
		g.spare = nil
		return x
	}
	if n := len(g.stash); n > 0 {
		x := g.stash[n-1]
		g.stash = g.stash[:n-1]
		return x
	}
	if g.taken < len(g.unused) {
		g.taken++
		return g.unused[g.taken-1]
	}
	c := &call[I, O]{}
	c.self, c.slot = c, int32(g.made)
	g.made++
	return &c.Exchange
}

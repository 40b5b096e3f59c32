package stages

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sourcegraph/conc"
)

// Lanes is a [Map] that keeps the order of items with equal keys, and works on
// different keys at the same time, from as many goroutines as [Workers] says.
//
//	in:   --a1-a2-b1-------->
//	f:      a1 takes long
//	out:  --------b1--a1-a2->
//
// A lane is there as long as it has items: keys at rest cost nothing, however
// many there are. Up to 16 items per worker (64 at least) are in lanes; a key
// that has them all to itself keeps the others waiting. An item that has failed
// before has no key, and passes at once.
func Lanes[I, O any, K comparable](key func(I) K, f func(context.Context, I) (O, error), opts ...Option) Stage[I, O] {
	return &laner[I, O, K]{key: key, f: f, Settings: Apply(opts...)}
}

type laner[I, O any, K comparable] struct {
	key func(I) K
	f   func(context.Context, I) (O, error)
	Settings
}

// Validate implements [Validator].
func (l *laner[I, O, K]) Validate() error {
	return errors.Join(needs(l.key == nil, "key function is nil"), needs(l.f == nil, "function is nil"), l.Settings.Validate())
}

// Staff implements [Staffed].
func (l *laner[I, O, K]) Staff() int { return l.Workers }

func (l *laner[I, O, K]) Run(_ context.Context, in *Inlet[I], out *Outlet[O]) error {
	y := &yard[I, K]{open: map[K]*lane[I, K]{}}
	y.work.L, y.room.L = &y.mu, &y.mu
	l = &laner[I, O, K]{key: l.key, f: detached(in.rt, in.node, l.f), Settings: l.Settings}
	var wg conc.WaitGroup
	in.node.staffed(l.Workers, func(n int) { y.staff(n, func() { wg.Go(func() { l.serve(y, in, out, &wg, nil, nil, 0) }) }) })
	defer func() {
		y.close()
		wg.Wait()
	}()
	return outlive(in.node, func() error {
		for group := in.group(1); group != nil; group = in.group(1) {
			it := group[0]
			if it.failed() {
				out.pass(it.fault, it.trail)
				continue
			}
			k, err := protectOr(in.node, func() (K, error) { return l.key(it.Value), nil }, func() { abandonItem(in, it, ErrGoexit) })
			if err != nil {
				abandonItem(in, it, err)
				continue
			}
			y.put(k, it)
		}
		return nil
	})
}

// serve is a worker, which begins with items that are left of n of its own lanes.
// One whose goroutine is ended by user code is replaced, and leaves them to the other.
func (l *laner[I, O, K]) serve(y *yard[I, K], in *Inlet[I], out *Outlet[O], wg *conc.WaitGroup, mine []*lane[I, K], group []Item[I], n int) {
	w := newWorker(in, l.f)
	send := func(results []Item[O]) {
		if w.spoiled {
			results = compact(results)
		}
		out.sendAll(results)
	}
	exiting := func(results []Item[O], rest int) {
		send(results)
		left := slices.Clone(group[len(group)-rest:])
		wg.Go(func() { l.serve(y, in, out, wg, mine, left, n) })
	}
	for {
		for rest := group; len(rest) > 0; {
			results := w.do(rest, exiting)
			send(results)
			rest = rest[len(results):]
		}
		y.done(mine, n)
		if mine, group = y.take(mine[:0], group, w.pace.group()); len(mine) == 0 {
			return
		}
		n = len(group)
		rested(&w, true)
	}
}

// yard is where the lanes are.
type yard[I any, K comparable] struct {
	mu     sync.Mutex
	work   sync.Cond // a lane is ready, or a worker is to leave
	room   sync.Cond // there is room for items
	open   map[K]*lane[I, K]
	spare  []*lane[I, K]
	ready  []*lane[I, K] // with items and without a worker, the longest waiting first
	held   int           // items in lanes and at workers
	hired  int           // workers that there are, and shall be
	wanted int
	closed bool
}

// lane is the items of one key.
type lane[I any, K comparable] struct {
	key   K
	items []Item[I]
}

// staff has as many workers as n come, or leave.
func (y *yard[I, K]) staff(n int, hire func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for y.wanted = n; y.hired < n; y.hired++ {
		hire()
	}
	y.work.Broadcast()
	y.room.Broadcast()
}

// put adds an item to the lane of its key. It blocks while there is no room.
func (y *yard[I, K]) put(k K, it Item[I]) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for y.held >= max(64, 16*y.wanted) {
		y.room.Wait()
	}
	y.held++
	l := y.open[k]
	if l == nil {
		l = y.blank(k)
		y.open[k] = l
		y.ready = append(y.ready, l)
		y.work.Signal()
	}
	l.items = append(l.items, it)
}

// blank returns an empty lane. The mutex is held.
func (y *yard[I, K]) blank(k K) *lane[I, K] {
	if n := len(y.spare); n > 0 {
		l := y.spare[n-1]
		y.spare = y.spare[:n-1]
		l.key = k
		return l
	}
	return &lane[I, K]{key: k}
}

// take moves up to n items, or what one lane has, into group, and their lanes
// into mine: nobody else works on these until done. It blocks until there is
// something; no lane means that the worker has to leave.
func (y *yard[I, K]) take(mine []*lane[I, K], group []Item[I], n int) ([]*lane[I, K], []Item[I]) {
	clear(group)
	group = group[:0]
	y.mu.Lock()
	defer y.mu.Unlock()
	for len(y.ready) == 0 && y.hired <= y.wanted && !(y.closed && y.held == 0) {
		y.work.Wait()
	}
	if y.hired > y.wanted || len(y.ready) == 0 {
		y.hired--
		return nil, group
	}
	for len(mine) < len(y.ready) && len(group) < n {
		l := y.ready[len(mine)]
		m := min(len(l.items), n-len(group))
		group = append(group, l.items[:m]...)
		rest := copy(l.items, l.items[m:])
		clear(l.items[rest:])
		l.items = l.items[:rest]
		mine = append(mine, l)
	}
	rest := copy(y.ready, y.ready[len(mine):])
	clear(y.ready[rest:])
	y.ready = y.ready[:rest]
	return mine, group
}

// done gives lanes back from which n items have been worked off.
func (y *yard[I, K]) done(mine []*lane[I, K], n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, l := range mine {
		if len(l.items) > 0 {
			y.ready = append(y.ready, l)
			y.work.Signal()
			continue
		}
		delete(y.open, l.key)
		var none K
		l.key = none
		if len(y.spare) < max(64, 16*y.wanted) {
			y.spare = append(y.spare, l)
		}
	}
	y.held -= n
	y.room.Signal()
	if y.closed && y.held == 0 {
		y.work.Broadcast()
	}
}

// close lets the workers leave when all items are done.
func (y *yard[I, K]) close() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.closed = true
	y.work.Broadcast()
}

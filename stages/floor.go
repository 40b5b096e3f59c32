package stages

import (
	"slices"
	"sync"
	"sync/atomic"
)

// floor runs one layer of a section: its goroutine.
type floor[I any] struct {
	*Port[I]
	turn    sync.Mutex // of whoever calls the handler: the layer's goroutine, or see [gate.carry]
	handler Handler[I]
	bulk    bulkHandler[I] // the handler, where it is one
	broken  error          // the handler has panicked
	aborted bool           // what it held at the abort was taken back

	calls   *atomic.Bool   // some exchanges have callers
	passing []*Exchange[I] // the batch at hand
	asking  bool           // it goes down
}

// run serves the layer until the one above closes it. The section closes from
// the top, when no exchange is left inside. Where the handler ends the goroutine,
// which breaks the layer as a panic does, what is deferred goes on serving.
func (f *floor[I]) run() {
	served := false
	defer func() {
		if !served { // it was the handler's turn
			f.giveTurn()
			f.serve()
		}
		closeEdge(f.below)
	}()
	f.serve()
	served = true
}

// serve looks at all that may have come, and waits where there was nothing. Both
// halves use the same buffers and switches, which is why it is one long function.
func (f *floor[I]) serve() {
	var down, up, back, gone []*Exchange[I]
	var state state
	var left <-chan []*Exchange[I]
	if f.left != nil {
		left = f.left.ch
	}
	abort := f.rt.ctx.Done()
	stop := f.stop()
	for {
		if down, state = poll(f.requests, down); state == ended {
			f.close()
			return
		}
		f.turn.Lock()
		idle := state == empty
		f.requested(down)
		up, state = poll(f.responses, up)
		idle = idle && state == empty
		f.responded(up)
		back, state = poll(f.resumed, back)
		idle = idle && state == empty
		f.each(back, f.resume)
		if f.left != nil {
			gone, state = poll(f.left, gone)
			idle = idle && state == empty
			f.each(gone, f.leave)
		}
		select { // a layer that is never idle has its timer, too
		case <-f.timer.C:
			f.call(f.wake)
			idle = false
		case <-stop:
			stop = nil
			f.call(f.drain)
			idle = false
		default:
		}
		f.giveTurn()
		if !idle {
			continue
		}
		select {
		case down = <-f.requests.ch:
			f.turn.Lock()
			f.requested(down)
		case up = <-f.responses.ch:
			f.turn.Lock()
			f.responded(up)
		case back = <-f.resumed.ch:
			f.turn.Lock()
			f.each(back, f.resume)
		case gone = <-left:
			f.turn.Lock()
			f.each(gone, f.leave)
		case <-f.timer.C:
			f.turn.Lock()
			f.call(f.wake)
		case <-stop:
			f.turn.Lock()
			stop = nil
			f.call(f.drain)
		case <-abort:
			f.turn.Lock()
			abort = nil
			f.aborted = true
			f.call(f.abandon)
		}
		f.giveTurn()
	}
}

// giveTurn sends what the layer has let go, and lets others call the handler.
func (f *floor[I]) giveTurn() {
	f.flush()
	f.turn.Unlock()
}

// bulkHandler is implemented by handlers that save by dealing with a batch at once.
// They send each exchange of it on, or [keep] it. No exchange of it has a
// caller. After a panic in the midst of responses, those that are left pass by.
type bulkHandler[I any] interface {
	requests(xs []*Exchange[I])
	responses(xs []*Exchange[I])
}

func (f *floor[I]) requested(batch []*Exchange[I]) {
	if f.bulk == nil || f.calls.Load() || f.ousted() != nil {
		f.each(batch, f.request)
		return
	}
	f.asking = true
	f.together(batch, f.bulk.requests)
	f.asking = false
}

func (f *floor[I]) responded(batch []*Exchange[I]) {
	if f.bulk == nil || f.calls.Load() || f.broken != nil || f.aborted {
		f.each(batch, f.response)
		return
	}
	f.together(batch, f.bulk.responses)
}

func (f *floor[I]) together(batch []*Exchange[I], deal func([]*Exchange[I])) {
	if len(batch) == 0 {
		return
	}
	f.passing, f.Port.bulk = batch, true
	f.call(func() { deal(batch) })
	f.passing, f.Port.bulk = nil, false
}

// rest sends up what a handler that has panicked did not send on of its batch:
// requests as failed, responses as they are.
func (f *floor[I]) rest() {
	sent := make(map[*Exchange[I]]bool)
	for _, x := range slices.Concat(f.down, f.up) {
		sent[x] = true
	}
	for _, x := range f.passing {
		if sent[x] {
			continue
		}
		f.letGo(x)
		if f.asking {
			x.Reject(f.broken)
		}
		f.up = append(f.up, x)
	}
}

// each calls deal for every exchange of a batch. The handler's panics are
// caught around the whole batch, and the rest of it is dealt with afterwards, also
// where the handler has ended the goroutine.
func (f *floor[I]) each(batch []*Exchange[I], deal func(*Exchange[I])) {
	i := 0
	defer func() {
		if i < len(batch) {
			f.each(batch[i:], deal)
		}
	}()
	for i < len(batch) {
		f.call(func() {
			for i < len(batch) {
				i++
				deal(batch[i-1])
			}
		})
	}
}

// call calls into the handler. After a panic it fails what the handler holds.
func (f *floor[I]) call(into func()) {
	finished := false
	defer func() {
		if finished {
			return
		}
		f.broken = f.rt.failLayer(f.node, caught(f.node.name, recover()))
		f.rest()
		f.reclaim(f.broken)
	}()
	into()
	finished = true
}

// abandoner is implemented by handlers that have more to say of what they hold at
// an abort than that it was one.
type abandoner[I any] interface {
	abandon(x *Exchange[I], err error) error
}

// abandon sends up what the handler holds at an abort.
func (f *floor[I]) abandon() {
	err := f.rt.abortError()
	a, ok := f.handler.(abandoner[I])
	if !ok || f.broken != nil {
		f.reclaim(err)
		return
	}
	for _, x := range f.held {
		if x != nil {
			x.Reject(a.abandon(x, err))
			f.Up(x)
		}
	}
}

// reclaim sends up what the handler holds.
func (f *floor[I]) reclaim(err error) {
	for _, x := range f.held {
		if x != nil {
			x.Reject(err)
			f.Up(x)
		}
	}
}

// ousted returns why the handler gets no more requests, nil where it does.
func (f *floor[I]) ousted() error {
	if f.broken == nil && f.aborted {
		return f.rt.abortError()
	}
	return f.broken
}

func (f *floor[I]) request(x *Exchange[I]) {
	f.held[x.slot] = x
	if err := f.ousted(); err != nil {
		x.Reject(err)
		f.Up(x)
		return
	}
	f.handler.Request(x)
	f.watch(x)
}

func (f *floor[I]) response(x *Exchange[I]) {
	f.held[x.slot] = x
	if f.broken != nil {
		f.Up(x)
		return
	}
	f.handler.Response(x)
	f.watch(x)
	if f.aborted && f.held[x.slot] == x {
		x.Reject(f.rt.abortError())
		f.Up(x)
	}
}

func (f *floor[I]) resume(x *Exchange[I]) {
	if r, ok := f.handler.(Resumer[I]); ok && f.held[x.slot] == x && f.ousted() == nil {
		r.Resumed(x)
		f.watch(x)
	}
}

// leaver is implemented by handlers that hold exchanges for long, and send up those
// whose callers have gone, or whose time is up: they shall not take up room.
type leaver[I any] interface {
	// leave is called with an exchange that the layer holds, and why it leaves.
	leave(x *Exchange[I], why error)
}

// leave tells the handler that nobody waits for x any more. The word may come late:
// then the layer does not hold the exchange any more, or for another item.
func (f *floor[I]) leave(x *Exchange[I]) {
	if f.held[x.slot] != x || f.ousted() != nil {
		return
	}
	if why := x.over(f.rt); why != nil {
		f.handler.(leaver[I]).leave(x, why)
	}
}

// stop returns what ends when the handler shall drain, nil where it need not.
func (f *floor[I]) stop() <-chan struct{} {
	if _, ok := f.handler.(drainer); ok {
		return f.rt.intake.Done()
	}
	return nil
}

// drain tells the handler that the flow drains. An abort stops the intake, too, and
// leaves nothing to drain.
func (f *floor[I]) drain() {
	if f.broken == nil && f.rt.ctx.Err() == nil {
		f.handler.(drainer).drain()
	}
}

func (f *floor[I]) wake() {
	if w, ok := f.handler.(Waker); ok && f.broken == nil {
		w.Wake()
	}
}

// relinquisher is implemented by handlers that hold what others wait for. One that
// has panicked is not closed, but gives that back.
type relinquisher interface{ relinquish() }

func (f *floor[I]) close() {
	f.timer.Stop()
	if f.broken != nil {
		if r, ok := f.handler.(relinquisher); ok {
			f.call(r.relinquish)
		}
		return
	}
	if c, ok := f.handler.(Closer); ok {
		f.call(c.Close)
	}
}

package stages

import (
	"context"

	"github.com/sourcegraph/conc"
)

// callStage is the bottom of a section: workers that make the calls.
type callStage[I, O any] struct {
	rt    *Runtime
	node  *Node
	f     func(context.Context, I) (O, error)
	from  *edge[*Exchange[I]]
	to    *edge[*Exchange[I]]
	deals *dealer[*Exchange[I]]

	lightness
	guest caller[I, O] // makes the calls in the goroutine of the entrance, see [gate.carry]
}

func newCallStage[I, O any](rt *Runtime, node *Node, f func(context.Context, I) (O, error), from, to *edge[*Exchange[I]]) *callStage[I, O] {
	c := &callStage[I, O]{rt: rt, node: node, f: f, from: from, to: to}
	var used []*Exchange[I]
	c.deals = newDealer(0, func() []*Exchange[I] {
		used, _ = nextBatch(from, used)
		return used
	})
	c.guest = caller[I, O]{callStage: c, pace: newPace(), exiting: func() { c.light.Store(false) }}
	c.needed.Store(calmLength)
	return c
}

// run returns when the section has closed the edge and all workers are done.
func (c *callStage[I, O]) run(workers int) {
	var wg conc.WaitGroup
	c.node.staffed(workers, func(n int) {
		staff(&c.deals.roster, n, func() { wg.Go(func() { c.work(&wg) }) })
	})
	wg.Wait()
}

// work is a worker. One whose goroutine is ended by user code is replaced.
func (c *callStage[I, O]) work(wg *conc.WaitGroup) {
	w := caller[I, O]{callStage: c, group: make([]*Exchange[I], 0, groupSize)}
	w.exiting = w.send
	returned := false
	defer func() {
		if !returned {
			wg.Go(func() { c.work(wg) })
		}
	}()
	var ok bool
	for {
		if w.group, _, ok = takeDealt(c.deals, w.group[:0], w.pace.group()); !ok {
			returned = true
			return
		}
		w.do()
		w.learn(len(w.group), &w.pace)
		w.send()
	}
}

// caller is one worker of a callStage.
type caller[I, O any] struct {
	*callStage[I, O]
	pace  pace
	group []*Exchange[I]
	done  int   // how many of the group
	begin int64 // when the first of them was begun
	took  int64 // nanoseconds for the group

	exiting func() // called when user code has ended the goroutine and all of the group is done
}

// do makes the calls of the group.
func (w *caller[I, O]) do() {
	w.done = 0
	w.node.calls.Add(1)
	w.begin = w.rt.now() // in an untimed run, too: the pace depends on it
	for w.done < len(w.group) {
		w.attempt()
	}
	w.account()
}

// send sends the group up.
func (w *caller[I, O]) send() { putAll(w.to, w.group) }

// attempt goes on with the group until it is done or a call panics, which
// fails that call. Where the call ends the goroutine, the others are still made:
// a goroutine that exits runs what is deferred.
func (w *caller[I, O]) attempt() {
	finished := false
	defer func() {
		if finished {
			return
		}
		err := caught(w.node.name, recover())
		w.group[w.done].err = err
		w.done++
		if err == ErrGoexit { //nolint:errorlint // our own value, as it is
			for w.done < len(w.group) {
				w.attempt()
			}
			w.account()
			w.exiting()
		}
	}()
	for ; w.done < len(w.group); w.done++ {
		x := w.group[w.done].self.(*call[I, O])
		if w.rt.aborted.Load() {
			x.err = w.rt.abortError()
			continue
		}
		if x.bounded() {
			w.timely(x)
			continue
		}
		x.attempts++
		x.out, x.err = w.f(w.rt.ctx, x.Value)
	}
	finished = true
}

// timely makes the call of an exchange that has limits.
func (w *caller[I, O]) timely(x *call[I, O]) {
	if x.err = x.over(w.rt); x.err != nil {
		return
	}
	x.attempts++
	x.out, x.err = timely(w.rt, x.limit, w.f, x.Value)
}

// account gives each exchange its share of the group's time.
func (w *caller[I, O]) account() {
	w.node.calls.Add(-1)
	w.took = w.rt.now() - w.begin
	w.pace.note(len(w.group), w.took)
	if w.rt.timed {
		each := w.took / int64(len(w.group))
		for _, x := range w.group {
			x.work += each
		}
	}
}

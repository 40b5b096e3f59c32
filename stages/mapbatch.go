package stages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc"
)

// BatchError is what the function of a [MapBatch] or [ForEachBatch] returns when
// some items of a batch have failed, and the others have not. It may be wrapped.
type BatchError struct {
	// Errs has the failures by the index of the item in the batch. What is not in
	// it is done; [ErrDrop] drops an item.
	Errs map[int]error
}

// Error says how many have failed, and why the first did.
func (e *BatchError) Error() string {
	if i := e.first(); i >= 0 {
		return fmt.Sprintf("stages: %d items of a batch failed, the first at %d: %v", len(e.Errs), i, e.Errs[i])
	}
	return "stages: a batch failed"
}

// Unwrap returns the failure of the first item.
func (e *BatchError) Unwrap() error { return e.Errs[e.first()] }

// first returns the lowest index of those that have failed, -1 for none.
func (e *BatchError) first() int {
	at := -1
	for i := range e.Errs {
		if at < 0 || i < at {
			at = i
		}
	}
	return at
}

// MapBatch is a [Map] whose function takes many items in one call, such as a
// bulk request: up to n, or what there is d after the first of them came; with
// d = 0, what there is at the end of the stream. In a drain nothing waits.
//
//	in:   --1-2-3----------4------------|
//	f:            [1 2 3]         [4]
//	out:  ---------10-20-30-------40----|
//
// The items stay what they are: each has its own result, timings and
// acknowledgement. f returns a result for each, in their order. With a
// *[BatchError] those items that it has fail, and the others are done; with any
// other error, a panic, or another number of results all of the batch fail.
//
// It takes [Workers], for as many calls at a time, and [Unordered]; a call may
// keep the slice it gets. Beside the batches in the calls it holds one that is
// being made. An item whose deadline has passed is not in the batch, but no call
// ends early for a deadline.
func MapBatch[I, O any](n int, d time.Duration, f func(context.Context, []I) ([]O, error), opts ...Option) Stage[I, O] {
	return mapBatch[I, O]{bulk[I, O]{n, d, f, Apply(opts...)}}
}

type mapBatch[I, O any] struct{ bulk[I, O] }

func (m mapBatch[I, O]) Run(_ context.Context, in *Inlet[I], out *Outlet[O]) error {
	return m.run(in, func(results []Item[O]) { out.sendAll(results) })
}

// ForEachBatch is a sink that calls f with many values at once, as [MapBatch]
// does: each item is acknowledged for itself. A failed item stops the run, as at
// any sink; where those of a batch that fail are to be kept as dead letters, use
// a MapBatch, and join the policy on behind it.
func ForEachBatch[T any](n int, d time.Duration, f func(context.Context, []T) error, opts ...Option) Sink[T] {
	s := forEachBatch[T]{f: f, bulk: bulk[T, struct{}]{n, d, nil, Apply(opts...)}}
	if f != nil {
		s.bulk.f = func(ctx context.Context, vs []T) ([]struct{}, error) { return make([]struct{}, len(vs)), f(ctx, vs) }
	}
	return s
}

type forEachBatch[T any] struct {
	f func(context.Context, []T) error
	bulk[T, struct{}]
}

func (s forEachBatch[T]) Run(_ context.Context, in *Inlet[T]) error {
	return s.run(in, func(results []Item[struct{}]) {
		for _, r := range results {
			if r.failed() {
				passBy(in, r.fault, r.trail)
			} else {
				r.trail.release()
			}
		}
	}, s.f)
}

// bulk makes batches, and calls the function with each.
type bulk[I, O any] struct {
	n int
	d time.Duration
	f func(context.Context, []I) ([]O, error)
	Settings
}

// Validate implements [Validator].
func (b bulk[I, O]) Validate() error {
	return errors.Join(atLeastOne("batch size", b.n), needs(b.d < 0, "batch delay is negative"),
		needs(b.f == nil, "function is nil"), b.Settings.Validate())
}

// run returns when all batches are done with. named is the user's function where
// f is not.
func (b bulk[I, O]) run(in *Inlet[I], hand func([]Item[O]), named ...any) error {
	b.f = detached(in.rt, in.node, b.f)
	for _, f := range named {
		in.node.serve(f)
	}
	var wg conc.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, b.Workers)
	before := make(chan struct{})
	close(before)
	var held []Item[I]
	flush := func() {
		if len(held) == 0 {
			return
		}
		c := &bulkCall[I, O]{bulk: b, in: in, items: held, before: before, done: make(chan struct{}), hand: hand}
		slots <- struct{}{}
		wg.Go(func() { defer func() { <-slots }(); c.run() })
		held, before = nil, c.done
	}
	a := newAlarm(in.rt)
	defer a.end()
	for {
		it, ok, woken := a.next(in)
		switch {
		case woken:
			flush()
		case !ok:
			flush()
			return nil
		default:
			if held = append(held, it); len(held) == 1 {
				a.set(b.due(in.rt.now()))
			}
			if len(held) == b.n {
				a.clear()
				flush()
			}
		}
	}
}

// due returns when a batch must leave whose first item came at since.
func (b bulk[I, O]) due(since int64) int64 {
	if b.d == 0 || since > never-int64(b.d) {
		return never
	}
	return since + int64(b.d)
}

// bulkCall is one batch.
type bulkCall[I, O any] struct {
	bulk[I, O]
	in     *Inlet[I]
	items  []Item[I]
	before <-chan struct{} // closed when the batch before has been handed on
	done   chan struct{}
	hand   func([]Item[O])

	tally
	results []Item[O]
}

// run calls the function and hands on what has become of the items, in the order
// of the batches, also where the function ends its goroutine.
func (c *bulkCall[I, O]) run() {
	live := c.sift()
	begin := c.in.rt.now()
	var outs []O
	err := ErrGoexit
	defer func() {
		c.settle(live, outs, err, begin)
		if !c.Unordered {
			<-c.before
		}
		c.publish(c.in.node)
		c.hand(c.results)
		close(c.done)
	}()
	if len(live) == 0 {
		return
	}
	values := make([]I, len(live))
	for i := range live {
		values[i] = live[i].Value
	}
	c.in.node.calls.Add(1)
	defer c.in.node.calls.Add(-1)
	outs, err = protect(c.in.node, func() ([]O, error) { return c.f(c.in.rt.ctx, values) })
}

// sift returns the items that the function gets: neither too late, nor in a flow
// that is aborted.
func (c *bulkCall[I, O]) sift() []Item[I] {
	live := c.items[:0]
	for _, it := range c.items {
		l := it.trail.bounds()
		if late := l.over(c.in.rt); late != nil {
			c.fail(it, late, 0)
		} else if c.in.rt.aborted.Load() {
			c.fail(it, c.in.rt.abortError(), 0)
		} else {
			live = append(live, it)
		}
	}
	return live
}

// settle makes the results of those that the function got.
func (c *bulkCall[I, O]) settle(live []Item[I], outs []O, err error, begin int64) {
	if len(live) == 0 {
		return
	}
	end := c.in.rt.now()
	c.attempts++
	c.work, c.longest = end-begin, end-begin
	each := c.verdicts(len(live), len(outs), err)
	for i, it := range live {
		if t := it.trail; t != nil && c.in.rt.timed {
			c.wait += max(begin-t.left, 0)
			t.add(c.in.node, 1, begin, end)
		}
		if err := each(i); err != nil {
			c.fail(it, err, 1)
			continue
		}
		c.out++
		c.results = append(c.results, Item[O]{Value: outs[i], trail: it.trail})
	}
}

// verdicts returns what has become of each of n items.
func (c *bulkCall[I, O]) verdicts(n, results int, err error) func(int) error {
	var some *BatchError
	partly := errors.As(err, &some) && len(some.Errs) > 0
	if partly {
		for i := range some.Errs {
			partly = partly && i >= 0 && i < n
		}
	}
	switch {
	case err != nil && !partly:
		return func(int) error { return err }
	case results != n && !(partly && len(some.Errs) == n):
		err := fmt.Errorf("the function returned %d results for a batch of %d", results, n)
		return func(int) error { return err }
	case partly:
		return func(i int) error { return some.Errs[i] }
	}
	return func(int) error { return nil }
}

// fail books an item that the function did not do.
func (c *bulkCall[I, O]) fail(it Item[I], err error, attempts int) {
	switch {
	case isDrop(err):
		c.filtered++
		it.trail.release()
		return
	case isExpired(err):
		c.expired++
	default:
		c.failed++
	}
	fault := c.in.rt.newItemError(c.in.node, err, attempts, it.Value, it.trail)
	c.results = append(c.results, Item[O]{fault: fault, trail: it.trail})
}

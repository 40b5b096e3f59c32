package bulk

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// call is one batch.
type call struct {
	Batch
	in     *kernel.Inlet
	items  []kernel.Meta
	before <-chan struct{} // closed when the batch before was sent; nil if the order does not matter
	done   chan struct{}

	live    []int   // items for which the function is called
	refused []error // errors of the other items; nil if there are none
}

// run calls the function and sends the results, in the order of the batches. It also does so if the
// function ends its goroutine.
func (c *call) run() {
	c.sift()
	results, err := 0, stages.ErrGoexit
	defer func() {
		if c.before != nil {
			<-c.before
		}
		c.settle(results, err)
		close(c.done)
	}()
	if len(c.live) == 0 {
		return
	}
	n := c.in.Node()
	begin := n.Run().Now()
	defer func() { n.Together(c.items, c.live, begin) }()
	err = n.CallFor(n.Run().Ctx, c.items, c.live, func(ctx context.Context) (err error) {
		results, err = c.Call(ctx, c.live)
		return err
	})
}

// sift finds the items for which the function is called: those with time left, unless the flow is
// aborted.
func (c *call) sift() {
	run := c.in.Node().Run()
	for i := range c.items {
		l := c.items[i].Limit()
		why := l.Over(run.Clock)
		if run.Aborted() {
			why = run.AbortError()
		}
		if why == nil {
			c.live = append(c.live, i)
			continue
		}
		if c.refused == nil {
			c.refused = make([]error, len(c.items))
		}
		c.refused[i] = why
	}
}

// settle accounts for all items, in their order.
func (c *call) settle(results int, err error) {
	verdict := verdicts(len(c.live), results, err)
	at := 0 // index in live
	for i := range c.items {
		if c.refused != nil && c.refused[i] != nil {
			c.in.Refuse(c.items[i], c.Value(i), c.refused[i])
			continue
		}
		c.account(i, at, verdict(at))
		at++
	}
}

// account accounts for item i. at is its index among the results; err is its error, if not nil.
func (c *call) account(i, at int, err error) {
	switch {
	case err == nil:
		c.Send(&c.items[i], at)
	case errors.Is(err, stages.ErrDrop):
		c.in.Drop(c.items[i])
	default:
		c.in.Fail(c.items[i], c.Value(i), err)
	}
}

// verdicts returns the outcome of each of n items. The function has returned so many results, and
// err.
func verdicts(n, results int, err error) func(int) error {
	var some *stages.BatchError
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

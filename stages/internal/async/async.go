// Package async is what sinks have in common whose items are done later than they are sent.
package async

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Check returns what is wrong with the number of items that may be in flight.
func Check(inFlight int) error {
	if inFlight < 1 {
		return fmt.Errorf("items in flight must be at least 1, not %d", inFlight)
	}
	return nil
}

// Run is the loop of the sink: it calls send for each item, in order, with the context of the
// item. An item is done when send, or whatever it has begun, calls done. While inFlight items are
// not done, no further one is sent. Run returns when the stream has ended and all items are done.
func Run[T any](ctx context.Context, in *stages.Inlet[T], inFlight int, send func(ctx context.Context, it stages.Item[T], done func(error))) {
	k := kernel.Of(in)
	n := k.Node()
	places := make(chan struct{}, inFlight)
	var open sync.WaitGroup
	defer open.Wait()
	for it := range in.All() {
		places <- struct{}{}
		open.Add(1)
		of, end := in.Context(ctx, it)
		m := k.MetaAt(k.Pos)
		limit := m.Limit()
		var once sync.Once
		done := func(err error) {
			once.Do(func() {
				defer open.Done()
				defer func() { <-places }()
				defer end()
				settle(in, it, n.Blame(&limit, of, err))
			})
		}
		begin(n, func() { send(of, it, done) }, done)
	}
}

// begin calls send. If send panics or ends its goroutine, the item is done with that error: Run
// waits for all items, also when its own goroutine ends.
func begin(n *kernel.Node, send func(), done func(error)) {
	err := stages.ErrGoexit
	defer func() {
		if err != nil {
			done(err)
		}
	}()
	err = n.Protect(func() error { send(); return nil })
}

// settle accounts for an item. It is called from any goroutine.
//
// Ordering: Done, Drop and Fail of a sink are safe for concurrent use. They count by atomics, and
// only one goroutine settles the item.
func settle[T any](in *stages.Inlet[T], it stages.Item[T], err error) {
	switch {
	case err == nil:
		in.Done(it)
	case isDrop(err):
		in.Drop(it)
	default:
		in.Fail(it, err)
	}
}

func isDrop(err error) bool { return errors.Is(err, stages.ErrDrop) }

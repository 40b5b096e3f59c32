package ack

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// rounds does the work of an owner in a goroutine of its own, one round at a time. The goroutine
// runs only while there is work.
//
// Owner: the Commits or the Batch of which it is a part. Its Close waits for the goroutine.
// Guarded by: the lock of the owner.
// Invariant: while added > settled a goroutine runs, unless closed.
type rounds[B any] struct {
	added   uint64 // pieces of work so far
	settled uint64 // pieces of work that are finished, done or failed
	closed  bool

	ended  chan struct{} // closed when the goroutine has ended; nil if none runs
	cancel context.CancelFunc
	wake   chan struct{} // has room for one
	rushed bool          // the next round does not wait
	flush  []*flush
}

// owner does the work of rounds. The rounds hold the lock when they call its methods, except lock
// and send.
type owner[B any] interface {
	lock() *sync.Mutex
	// rest returns how long a round waits for more work.
	rest() time.Duration
	// take returns the work of a round, and its number of pieces, at least one.
	take() (work B, n uint64)
	// send does the work.
	send(ctx context.Context, work B) error
	// settle handles the result of send.
	settle(work B, err error)
}

// flush is a wait for all work up to a certain piece.
type flush struct {
	upTo uint64
	err  error // of the rounds for which it waits
	done chan struct{}
}

// add counts n more pieces of work, and starts the goroutine if it does not run.
func (r *rounds[B]) add(o owner[B], n uint64) {
	r.added += n
	if r.ended == nil && !r.closed {
		r.start(o)
	}
}

func (r *rounds[B]) start(o owner[B]) {
	ctx, cancel := context.WithCancel(context.Background())
	r.ended, r.cancel, r.wake = make(chan struct{}), cancel, make(chan struct{}, 1)
	go r.run(ctx, o, r.wake)
}

// rush ends the wait before the next round.
func (r *rounds[B]) rush() {
	r.rushed = true
	select {
	case r.wake <- struct{}{}:
	default: // the goroutine is awake, or does not run
	}
}

// run does rounds until there is no work.
func (r *rounds[B]) run(ctx context.Context, o owner[B], wake <-chan struct{}) {
	defer r.leave(ctx, o)
	for r.round(ctx, o, wake) {
	}
}

// leave ends the goroutine. It starts another one if there is work: work that was added since the
// last round, or that is left because send called runtime.Goexit.
func (r *rounds[B]) leave(ctx context.Context, o owner[B]) {
	mu := o.lock()
	mu.Lock()
	defer close(r.ended) // after the unlock
	defer mu.Unlock()
	left := r.added > r.settled
	again := left && ctx.Err() == nil
	r.cancel()
	r.ended, r.rushed = nil, r.rushed && again
	switch {
	case again:
		r.start(o)
	case left:
		r.giveUp()
	}
}

// giveUp ends all flushes with an error.
func (r *rounds[B]) giveUp() {
	for _, f := range r.flush {
		f.err = ErrClosed
		close(f.done)
	}
	r.flush = nil
}

// round waits for more work, and does it. It returns false if there is no work, or if ctx has
// ended.
func (r *rounds[B]) round(ctx context.Context, o owner[B], wake <-chan struct{}) bool {
	mu := o.lock()
	mu.Lock()
	rest := o.rest()
	if r.added == r.settled {
		mu.Unlock()
		return false
	}
	rushed := r.rushed
	mu.Unlock()
	if !rushed && rest > 0 && !wait(ctx, rest, wake) {
		return false
	}
	mu.Lock()
	select {
	case <-wake: // the round begins now, which is what wake is for
	default:
	}
	r.rushed = false
	work, n := o.take()
	mu.Unlock()
	r.do(ctx, o, work, n)
	return true
}

// wait returns false if ctx has ended.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// do sends the work and accounts for it, even if send panics or ends the goroutine.
func (r *rounds[B]) do(ctx context.Context, o owner[B], work B, n uint64) {
	err := stages.ErrGoexit
	defer func() {
		if v := recover(); v != nil {
			err = &stages.PanicError{Stage: "acknowledgement", Value: v, Stack: debug.Stack()}
		}
		mu := o.lock()
		mu.Lock()
		defer mu.Unlock()
		o.settle(work, err)
		r.settled += n
		r.report(err)
	}()
	err = o.send(ctx, work)
}

// report tells each flush the result of a round.
func (r *rounds[B]) report(err error) {
	r.flush = slices.DeleteFunc(r.flush, func(f *flush) bool {
		if f.err == nil {
			f.err = err
		}
		if r.settled < f.upTo {
			r.rushed = true
			return false
		}
		close(f.done)
		return true
	})
}

// waitAll waits until all work so far is finished, without waits for more work. It returns the
// first error of these rounds.
func (r *rounds[B]) waitAll(ctx context.Context, o owner[B]) error {
	mu := o.lock()
	mu.Lock()
	if r.added == r.settled {
		mu.Unlock()
		return nil
	}
	if r.closed {
		mu.Unlock()
		return ErrClosed
	}
	f := &flush{upTo: r.added, done: make(chan struct{})}
	r.flush = append(r.flush, f)
	r.rush()
	mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	r.flush = slices.DeleteFunc(r.flush, func(other *flush) bool { return other == f })
	return context.Cause(ctx)
}

// close waits for all work, and ends the goroutine. If ctx ends first, close ends the context of
// send, and waits for send to return.
func (r *rounds[B]) close(ctx context.Context, o owner[B]) error {
	var err error
	for {
		err = r.waitAll(ctx, o)
		mu := o.lock()
		mu.Lock()
		if err == nil && r.added > r.settled {
			mu.Unlock()
			continue
		}
		r.closed = true
		ended := r.ended
		if ended != nil {
			r.cancel()
		}
		mu.Unlock()
		if ended != nil {
			<-ended
		}
		return err
	}
}

package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// work is what a node writes about a key: that it is at work, what the result is, or that
// it has given up. One entry holds all three, one after the other. So each step is one
// compare-and-set, and a node that has lost the claim cannot write.
type work struct {
	versioned
	State state  `json:"state"`
	Node  string `json:"node,omitempty"`
	// Nonce is the owner's token: it tells two claims of a node apart.
	Nonce string        `json:"nonce,omitempty"`
	Term  time.Duration `json:"term,omitempty"` // of a claim
	Value []byte        `json:"value,omitempty"`
}

// state of the work for a key.
type state string

const (
	free    state = "free"
	claimed state = "claimed"
	done    state = "done"
)

// claim is the right to do the work for a key. Owner: one goroutine at a time, first that
// of keep, and after its end the one that works.
type claim struct {
	client   *client
	key      string
	work     work
	revision uint64
	end      time.Duration // when the claim is given up, unless it is renewed
}

// holds is how long after a write the holder relies on the claim. The work has the last
// tenth of the term to stop.
func (c *claim) holds() time.Duration { return c.work.Term - c.work.Term/10 }

// write replaces the entry that c knows by w. The term counts from before the call, so
// that the holder never relies on a claim that is over.
func (c *claim) write(ctx context.Context, w work, ttl time.Duration) error {
	value, err := seal(w)
	if err != nil {
		return err
	}
	now := c.client.now()
	return c.client.call(ctx, func(ctx context.Context) error {
		revision, err := c.client.store.CompareAndSet(ctx, c.key, c.revision, value, ttl)
		if err == nil {
			c.revision, c.end = revision, after(now, c.holds())
		}
		return err
	})
}

// insist is write for an entry of which the claim may not know the revision, because the
// answer to an earlier write was lost. If the entry has expired, no node has taken it
// since, and it is made anew.
func (c *claim) insist(ctx context.Context, w work, ttl time.Duration) error {
	err := c.write(ctx, w, ttl)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	now := c.client.now()
	var e store.Entry
	loadErr := c.client.call(ctx, func(ctx context.Context) (err error) {
		e, err = c.client.store.Load(ctx, c.key)
		return err
	})
	if loadErr != nil {
		return loadErr
	}
	var there work
	if e.Revision != 0 && (unseal(e.Value, &there) != nil || there.Nonce != c.work.Nonce) {
		return err
	}
	c.revision = e.Revision
	if there.State == claimed { // it was renewed e.Age ago
		c.end = max(c.end, after(now-e.Age, c.holds()))
	}
	return c.write(ctx, w, ttl)
}

// keep renews the claim in a goroutine of its own, until stop is called or the claim is
// lost. stop waits for the goroutine.
func (c *claim) keep(ctx context.Context, lost func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		if c.renew(ctx) {
			lost()
		}
	})
	return func() {
		cancel()
		renewing.Wait()
	}
}

// renew returns when the claim is lost, or when ctx ends, and reports whether it is lost.
func (c *claim) renew(ctx context.Context) (lost bool) {
	timer := time.NewTimer(c.work.Term / 3)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
		wait, left := c.work.Term/3, c.end-c.client.now()
		if left > 0 {
			err := c.insist(ctx, c.work, c.work.Term)
			if errors.Is(err, store.ErrConflict) {
				return true
			}
			if err != nil {
				wait = c.work.Term / 10
			}
			left = c.end - c.client.now()
		}
		if left <= 0 {
			return ctx.Err() == nil
		}
		timer.Reset(min(wait, left))
	}
}

// publish replaces the claim by the result, and reports whether it has. The result is
// there for the callers that wait even if the ttl is 0.
func (c *claim) publish(ctx context.Context, value []byte, ttl time.Duration) bool {
	w := c.work
	w.State, w.Term, w.Value = done, 0, value
	return c.last(ctx, w, max(ttl, c.work.Term))
}

// release gives the work back, for other nodes to do.
func (c *claim) release(ctx context.Context) {
	// If this fails they wait for the end of the term.
	c.last(ctx, work{versioned: c.work.versioned, State: free}, c.work.Term)
}

// last writes the end of the claim, even if no caller here waits for it any more. It does
// not if the store is known to be down: then a caller would wait for the store.
func (c *claim) last(ctx context.Context, w work, ttl time.Duration) bool {
	return !c.client.down() && c.insist(context.WithoutCancel(ctx), w, ttl) == nil
}

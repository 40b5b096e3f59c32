package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// work is what a node writes about a key: that it is at work, how that ended, or
// that it has given up. One entry holds all three, one after the other, so each
// step is one compare-and-set, and who is no longer at work cannot write.
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

// claim is the right to do the work for a key. It is used by one goroutine at a
// time: first by that of keep, and when that has ended, by the one that works.
type claim struct {
	client   *client
	key      string
	work     work
	revision uint64
	end      time.Duration // when to give up, unless it is renewed
}

// holds is for how long after a write its holder believes in the claim. The last
// tenth of the term is the time that the work has to stop.
func (c *claim) holds() time.Duration { return c.work.Term - c.work.Term/10 }

// write puts w in place of the entry that c knows. The term counts from before
// the call: at no time does the holder believe in a claim that is over.
func (c *claim) write(ctx context.Context, w work, ttl time.Duration) error {
	value, err := seal(w)
	if err != nil {
		return err
	}
	now := c.client.now()
	return c.client.call(ctx, func(ctx context.Context) error {
		revision, err := c.client.store.CompareAndSet(ctx, c.key, c.revision, value, ttl)
		if err == nil {
			c.revision, c.end = revision, now+c.holds()
		}
		return err
	})
}

// insist is write for an entry that the claim may still have though its
// revision is not known: the answer to an earlier write was lost. Where the entry
// has expired nobody has taken it since, and it may be made anew.
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
	if there.State == claimed { // it was renewed so long ago
		c.end = max(c.end, now-e.Age+c.holds())
	}
	return c.write(ctx, w, ttl)
}

// keep renews the claim in a goroutine of its own until stop is called, which
// waits for it, or until the claim is lost.
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

// renew reports that the claim was lost; where ctx ends it was not.
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

// publish puts the result in place of the claim, and reports whether it has. It
// is there for those who wait for it even where nothing is kept.
func (c *claim) publish(ctx context.Context, value []byte, ttl time.Duration) bool {
	w := c.work
	w.State, w.Term, w.Value = done, 0, value
	return c.last(ctx, w, max(ttl, c.work.Term))
}

// release gives the work back, for the others to do.
func (c *claim) release(ctx context.Context) {
	// What it costs if this fails is that they wait for the end of the term.
	c.last(ctx, work{versioned: c.work.versioned, State: free}, c.work.Term)
}

// last is the end of the claim. It is written though nobody waits for it here
// any more, but not where the store is known to be down: somebody does wait.
func (c *claim) last(ctx context.Context, w work, ttl time.Duration) bool {
	return !c.client.down() && c.insist(context.WithoutCancel(ctx), w, ttl) == nil
}

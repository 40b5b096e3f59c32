package ack

import (
	"cmp"
	"context"
	"fmt"

	"github.com/weir-go/weir/stages"
)

// Forget gives a partition up at once, as when another consumer has it already. What is open of
// it is not committed any more, unless Commit is at work on it at this moment. The context of its
// items ends, so they go back; see [Commits]. Emit returns [ErrForgotten] until Claim is called,
// and so does an Emit that waits for room.
func (c *Commits[K, P]) Forget(partition K) {
	c.mu.Lock()
	p := c.parts[partition]
	c.lose(partition)
	if p != nil {
		c.forget(p)
	}
	c.mu.Unlock()
	if p != nil {
		c.letReturn(p)
		c.letGo(p)
	}
}

// Claim starts a partition again that was given up and is now assigned to this consumer again. It
// begins without a halt. A partition that was never given up needs no Claim. Must not: emit what
// was read of the partition before Claim. So call it between polls, when all records of the last
// one are emitted.
func (c *Commits[K, P]) Claim(partition K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lost, partition)
}

// lose refuses the partition until it is claimed again.
func (c *Commits[K, P]) lose(partition K) {
	if c.lost == nil {
		c.lost = map[K]struct{}{}
	}
	c.lost[partition] = struct{}{}
}

func forgotten[K any](partition K) error { return fmt.Errorf("%w: %v", ErrForgotten, partition) }

// letGo finishes forget. The caller must not hold the lock.
func (c *Commits[K, P]) letGo(p *partition[K, P]) {
	p.end(fmt.Errorf("%w: %v: %w", ErrForgotten, p.key, stages.ErrHandedBack))
	c.steer(p)
}

// forget gives up a partition.
func (c *Commits[K, P]) forget(p *partition[K, P]) {
	p.gone, p.full, p.isReady = true, false, false
	if p.isDue {
		p.isDue = false
		delete(c.due, p.key)
	}
	if c.parts[p.key] == p {
		delete(c.parts, p.key)
	}
	p.tell()
}

// Drain gives a partition up when nothing of it is open, as when another consumer will get it.
// Nothing of it begins until Claim is called: Emit returns [ErrForgotten]. Batches and windows
// hold back nothing of it; see [stages.Lot.Flush]. Drain waits until all of it has left the flow,
// and all that is done is committed, without waiting for Every. Then it forgets the partition, so
// the next consumer gets nothing twice.
//
// If ctx ends first, Drain forgets the partition anyway, as [Commits.Forget] does: the contexts
// of late items end, and the items are not committed. The error says how many positions are not
// done: the next consumer gets these again. If the partition is halted, Drain returns why. After
// Close nothing is committed, so Drain returns [ErrClosed] if a commit is missing.
//
// Drain must not be called by code that the flow waits for, such as a function of a stage.
func (c *Commits[K, P]) Drain(ctx context.Context, partition K) error {
	c.mu.Lock()
	p := c.parts[partition]
	c.lose(partition)
	if p == nil {
		c.mu.Unlock()
		return nil
	}
	p.draining = true
	p.tell()
	c.commitAgain(p)
	c.mu.Unlock()
	c.letReturn(p)
	p.lot.Flush()
	c.mu.Lock()
	err := c.drained(ctx, p)
	if p.gone {
		c.mu.Unlock()
		return forgotten(partition)
	}
	if err == nil {
		err = p.halt
	}
	c.forget(p)
	c.mu.Unlock()
	c.letGo(p)
	return err
}

// drained waits until the partition is drained. After Close it does not wait for a commit. The caller
// holds the lock, also after the return.
func (c *Commits[K, P]) drained(ctx context.Context, p *partition[K, P]) error {
	for !p.gone && !p.drained() {
		if c.rounds.closed && p.unheard == 0 && !p.sending {
			return cmp.Or(p.halt, fmt.Errorf("%w: %v is not committed at %v", ErrClosed, p.key, p.ready))
		}
		changed := p.wait()
		c.mu.Unlock()
		select {
		case <-changed:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			return fmt.Errorf("ack: partition %v is not drained, %s: %w", p.key, p.undrained(), context.Cause(ctx))
		}
	}
	return nil
}

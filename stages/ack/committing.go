package ack

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

// commit makes the next round commit the ready position of a partition.
func (c *Commits[K, P]) commit(p *partition[K, P]) {
	p.failed = nil
	if p.draining {
		c.rounds.rush()
	}
	if !p.isDue {
		p.isDue = true
		c.due[p.key] = p
		c.rounds.add(c, 1)
	}
}

// commitAgain is commit, and also retries what failed before.
func (c *Commits[K, P]) commitAgain(p *partition[K, P]) {
	if p.isReady {
		c.commit(p)
	}
}

func (c *Commits[K, P]) lock() *sync.Mutex   { return &c.mu }
func (c *Commits[K, P]) rest() time.Duration { return c.Every }

// take takes the positions that the round must commit.
func (c *Commits[K, P]) take() (work map[*partition[K, P]]P, n uint64) {
	work = make(map[*partition[K, P]]P, len(c.due))
	for _, p := range c.due {
		work[p] = p.ready
		p.isReady, p.isDue, p.sending = false, false, true
	}
	clear(c.due)
	return work, c.rounds.added - c.rounds.settled
}

// send calls Commit. The caller must not hold the lock.
func (c *Commits[K, P]) send(ctx context.Context, work map[*partition[K, P]]P) error {
	if len(work) == 0 { // all partitions were forgotten meanwhile
		return nil
	}
	upTo := make(map[K]P, len(work))
	for p, at := range work {
		upTo[p.key] = at
	}
	return c.Commit(ctx, upTo)
}

// settle records the result of Commit. A position that was not committed stays ready. If its
// partition was given up meanwhile, that is no fault.
func (c *Commits[K, P]) settle(work map[*partition[K, P]]P, err error) {
	for p, at := range work {
		p.sending = false
		if err != nil && !p.gone {
			c.halt(p, fmt.Errorf("%w: %v could not be committed at %v: %w", ErrHalted, p.key, at, err))
			p.failed = err
			if !p.isReady {
				p.ready, p.isReady = at, true
			}
		}
		c.changed(p)
	}
}

// Flush waits until all that is done by now is committed, without waiting for Every. It
// returns the error of Commit, or the cause of ctx if that ends first; the commits
// continue then.
func (c *Commits[K, P]) Flush(ctx context.Context) error {
	c.again()
	return c.rounds.waitAll(ctx, c)
}

// again makes the next round commit all done positions, also the ones that failed before.
func (c *Commits[K, P]) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.parts {
		c.commitAgain(p)
	}
}

// Close commits all that is done, and ends the goroutine. If ctx ends first, the
// context of Commit ends, and Close waits for Commit to return.
//
// The error is the cause of ctx if it has ended, or why the first partition was halted.
// If it is nil, all that was begun is done and committed, or still in the flow. After
// Close nothing begins and nothing is committed, so call it after the run.
func (c *Commits[K, P]) Close(ctx context.Context) error {
	c.mu.Lock()
	c.shut = true
	c.mu.Unlock()
	c.tellAll() // an Emit that waits for room
	c.letReturn(nil)
	c.returned.running.Wait()
	c.again()
	err := c.rounds.close(ctx, c)
	c.tellAll() // a Drain that waits for a commit
	if ctx.Err() != nil {
		return cmp.Or(err, c.Err())
	}
	return cmp.Or(c.Err(), err)
}

// tellAll wakes all goroutines that wait for a change of a partition.
func (c *Commits[K, P]) tellAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.parts {
		p.tell()
	}
}

package ack

import (
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// A log does not hand out one position again, so Commits does it: the values of a position that was
// handed back are delivered once more, by a goroutine that Close waits for. The position stays open
// meanwhile.

// redeliveries is what was handed back.
//
// Guarded by: Commits.mu, but running.
type redeliveries[K comparable, P any] struct {
	held    map[*returned[K, P]]struct{} // waits to be due
	running sync.WaitGroup               // deliveries. Must not: be added to when Commits.shut is set.
}

// returned is a position that was handed back.
type returned[K comparable, P any] struct {
	p       *partition[K, P]
	o       *position[P]
	timer   *time.Timer
	deliver func() bool
}

// retry has the values of a position delivered again, if err says so. It returns false if they are
// not: then the position is settled with err.
func (c *Commits[K, P]) retry(p *partition[K, P], o *position[P], err error, deliver func() bool) bool {
	after, back := stages.HandedBack(err)
	if !back || errors.Is(err, stages.ErrAborted) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.gone || p.draining || p.halt != nil || c.shut {
		return false
	}
	o.returns++
	r := &returned[K, P]{p: p, o: o, deliver: deliver}
	if c.returned.held == nil {
		c.returned.held = map[*returned[K, P]]struct{}{}
	}
	c.returned.held[r] = struct{}{}
	r.timer = time.AfterFunc(after, func() { c.redeliver(r) })
	return true
}

// redeliver delivers the values of a position that is due.
func (c *Commits[K, P]) redeliver(r *returned[K, P]) {
	c.mu.Lock()
	if _, due := c.returned.held[r]; !due {
		c.mu.Unlock()
		return // it was let go
	}
	delete(c.returned.held, r)
	c.returned.running.Add(1)
	defer c.returned.running.Done()
	c.mu.Unlock()
	if !r.deliver() {
		c.finish(r.p, r.o, stages.ErrHandedBack)
	}
}

// letReturn ends the wait of what was handed back of a partition, or of all if p is nil: nothing is
// delivered again, and nothing from it on is committed.
func (c *Commits[K, P]) letReturn(p *partition[K, P]) {
	c.mu.Lock()
	var all []*returned[K, P]
	for r := range c.returned.held {
		if p == nil || r.p == p {
			r.timer.Stop()
			delete(c.returned.held, r)
			all = append(all, r)
		}
	}
	c.mu.Unlock()
	for _, r := range all {
		c.finish(r.p, r.o, stages.ErrHandedBack)
	}
}

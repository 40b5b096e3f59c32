package ack

import (
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// A log does not deliver a position twice. So Commits does: it delivers the values of a position
// that was handed back once more, in a goroutine for which Close waits. The position stays open
// meanwhile.

// redeliveries has the positions that were handed back.
//
// Guarded by: Commits.mu, but running.
type redeliveries[K comparable, P any] struct {
	held    map[*returned[K, P]]struct{} // wait until they are due
	running sync.WaitGroup               // running redeliveries. Must not: be added to after Commits.shut is set.
}

// returned is a position that was handed back.
type returned[K comparable, P any] struct {
	p       *partition[K, P]
	o       *position[P]
	timer   *time.Timer
	deliver func() bool
}

// retry delivers the values of a position again, if err asks for it. Otherwise it returns false,
// and the position is settled with err.
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

// redeliver delivers the values of a due position.
func (c *Commits[K, P]) redeliver(r *returned[K, P]) {
	c.mu.Lock()
	if _, due := c.returned.held[r]; !due {
		c.mu.Unlock()
		return // it was canceled
	}
	delete(c.returned.held, r)
	c.returned.running.Add(1)
	defer c.returned.running.Done()
	c.mu.Unlock()
	if !r.deliver() {
		c.finish(r.p, r.o, stages.ErrHandedBack)
	}
}

// letReturn cancels the redeliveries of a partition, or of all if p is nil. These positions are not
// delivered again, and nothing from the first of them on is committed.
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

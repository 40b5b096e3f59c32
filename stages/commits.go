package stages

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// DefaultWindow is how many positions of a partition may be open where
// [Commits.Window] is 0.
const DefaultWindow = 1024

// ErrHalted is matched by what [Commits.Begin] returns for a partition of which
// a position failed, or could not be committed.
var ErrHalted = errors.New("stages: partition is halted")

// Commits keeps the low watermark of a log, such as the offsets of a Kafka
// partition: items are done in any order, and what is committed is the highest
// position at or before which all are done.
//
//	begun:      1 2 3 4 5
//	done:             3   5 1   2     4
//	committed:              1   3     5
//
// The fields are set before the first use; the methods may be called from any
// goroutine. A partition of which nothing is open holds no memory.
type Commits[K comparable, P any] struct {
	// Window is how many positions of a partition may be open: from the first
	// that is not done to the last that was begun. It is [DefaultWindow] where 0.
	Window int
	// Commit makes a position known to the log. It is called once at a time for
	// each partition, with positions in the order of Begin. While it is at work
	// others may be done, of which only the last is committed next. Its error
	// halts the partition.
	Commit func(partition K, position P) error

	mu    sync.Mutex
	parts map[K]*partition[P]
	err   error // the first that halted a partition
}

// partition is what is open of one.
type partition[P any] struct {
	open       []*opened[P] // in order
	ready      *opened[P]   // to be committed: all up to it are done
	committing bool         // somebody is at it
	halt       error
	forgotten  bool
	changed    chan struct{} // closed when Begin may look again; nil where none waits
}

// opened is a position that was begun.
type opened[P any] struct {
	position P
	heard    bool // done has been called
	done     bool
}

// Begin opens a position, which must be the next one of its partition, and
// returns the function that says it is done: the Ack of a [Delivery]. An error
// given to it says that the position is not: neither it nor any after it is
// committed, and the partition is halted, since to go on would be to forget it. A
// failure that may be passed over is one that done gets nil for.
//
// Begin blocks while the window is full, which is backpressure, and returns an
// error when ctx ends meanwhile, or where the partition is halted. Of done only
// the first call counts; it calls Commit, unless somebody else is at it.
func (c *Commits[K, P]) Begin(ctx context.Context, key K, position P) (done func(error), err error) {
	if c.Commit == nil || c.Window < 0 {
		return nil, errors.Join(needs(c.Commit == nil, "commits: function is nil"), needs(c.Window < 0, "commits: window is negative"))
	}
	for {
		p, o, changed, err := c.begin(key, position)
		switch {
		case err != nil:
			return nil, err
		case changed == nil:
			return func(err error) { c.finish(key, p, o, err) }, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// begin opens a position, or returns a channel to wait on where there is no room.
func (c *Commits[K, P]) begin(key K, position P) (*partition[P], *opened[P], <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.parts[key]
	if p == nil {
		p = &partition[P]{}
		if c.parts == nil {
			c.parts = map[K]*partition[P]{}
		}
		c.parts[key] = p
	}
	window := c.Window
	if window == 0 {
		window = DefaultWindow
	}
	switch {
	case p.halt != nil:
		return nil, nil, nil, p.halt
	case len(p.open) >= window:
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		return nil, nil, p.changed, nil
	}
	o := &opened[P]{position: position}
	p.open = append(p.open, o)
	return p, o, nil, nil
}

// finish notes that a position is done, or has failed, and commits what can be.
func (c *Commits[K, P]) finish(key K, p *partition[P], o *opened[P], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.heard || p.forgotten {
		return
	}
	if o.heard = true; err != nil {
		c.haltLocked(p, fmt.Errorf("%w: %v at %v failed: %w", ErrHalted, key, o.position, err))
		return
	}
	o.done = true
	for len(p.open) > 0 && p.open[0].done {
		p.ready, p.open[0] = p.open[0], nil
		p.open = p.open[1:]
	}
	p.tell()
	if p.committing {
		return // whoever is at it sees what is ready
	}
	p.committing = true
	for p.ready != nil && !p.forgotten {
		c.commitLocked(key, p)
	}
	p.committing = false
	if len(p.open) == 0 && p.halt == nil && c.parts[key] == p {
		delete(c.parts, key)
	}
}

// commitLocked commits what is ready, without the lock. A Commit that panics has
// failed, and ready is taken, so that nobody calls it again for that.
func (c *Commits[K, P]) commitLocked(key K, p *partition[P]) {
	o := p.ready
	p.ready = nil
	err := errors.New("the function did not return")
	defer func() {
		c.mu.Lock()
		if err != nil {
			p.ready, p.committing = nil, false
			c.haltLocked(p, fmt.Errorf("%w: %v could not be committed at %v: %w", ErrHalted, key, o.position, err))
		}
	}()
	c.mu.Unlock()
	err = c.Commit(key, o.position)
}

func (c *Commits[K, P]) haltLocked(p *partition[P], err error) {
	if p.halt == nil {
		p.halt = err
	}
	if c.err == nil {
		c.err = err
	}
	p.tell()
}

// tell has those who wait for the partition look again.
func (p *partition[P]) tell() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Open returns how many positions of the partition are open, see Window.
func (c *Commits[K, P]) Open(key K) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parts[key]; p != nil {
		return len(p.open)
	}
	return 0
}

// Forget gives a partition up, as when another consumer gets it: what is open of
// it is not committed any more, except where Commit is at work at this moment.
// The partition can be begun anew; it is not halted then. It returns at once.
func (c *Commits[K, P]) Forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parts[key]; p != nil {
		p.forgotten = true
		p.tell()
		delete(c.parts, key)
	}
}

// Err returns why the first partition was halted, nil where none was. After a
// run it tells whether all that could be committed has been.
func (c *Commits[K, P]) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

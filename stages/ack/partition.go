package ack

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/stages"
)

// partition is the state of one partition. It is removed when it is at rest.
//
// Guarded by: Commits.mu.
// Invariant: the first of the open positions is not done.
type partition[K comparable, P any] struct {
	key K
	lot stages.Lot // of all open positions. Must not: be used while the lock is held.

	ctx context.Context // of all open positions
	end context.CancelCauseFunc

	open    []*position[P] // in the order of Begin
	unheard int            // open positions that are not settled yet

	ready   P     // all positions up to it are done, and it is not committed
	isReady bool  // there is such a position
	isDue   bool  // it is in Commits.due
	sending bool  // Commit is running for it
	failed  error // error of the last Commit, nil if it succeeded

	halt     error // why no further position begins
	returned bool  // a position was handed back and will not be delivered again
	draining bool
	gone     bool // it was given up

	full     bool // the window is full
	paused   bool // user code was last told to pause
	steering bool // a goroutine calls Pause or Resume

	changed chan struct{} // closed at the next change; nil if no goroutine waits for it
}

// position is a position that was begun.
type position[P any] struct {
	at    P
	begun time.Time
	heard bool // it was settled
	done  bool

	returns int // how often it was handed back
}

func newPartition[K comparable, P any](key K) *partition[K, P] {
	p := &partition[K, P]{key: key}
	p.ctx, p.end = context.WithCancelCause(context.Background())
	return p
}

// itemContext is the context of a partition with the values of another context.
type itemContext struct {
	context.Context
	values context.Context
}

// Value implements [context.Context].
//
// The partition comes first although it has no values: package context uses Value to find out the
// kind of this context.
func (c *itemContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}

// givenUp returns an error if the partition was given up, or is being drained.
func (p *partition[K, P]) givenUp() error {
	if p.gone || p.draining {
		return forgotten(p.key)
	}
	return nil
}

// begin opens a position.
func (p *partition[K, P]) begin(o *position[P], now time.Time) {
	o.begun = now
	p.open = append(p.open, o)
	p.unheard++
}

// advance moves the watermark over all done positions at the front. It reports whether it has
// moved.
func (p *partition[K, P]) advance() bool {
	moved := false
	for len(p.open) > 0 && p.open[0].done {
		p.ready, p.isReady, moved = p.open[0].at, true, true
		p.open[0] = nil // frees the position
		p.open = p.open[1:]
	}
	return moved
}

// drop removes a position that was begun but was not emitted.
func (p *partition[K, P]) drop(o *position[P]) {
	for i := len(p.open) - 1; i >= 0; i-- {
		if p.open[i] == o {
			p.open = append(p.open[:i], p.open[i+1:]...)
			p.unheard--
			return
		}
	}
}

// atRest reports that the partition holds no information.
func (p *partition[K, P]) atRest() bool {
	return len(p.open) == 0 && !p.isReady && !p.sending && p.halt == nil && !p.draining && !p.returned && !p.paused && !p.steering
}

// drained reports that no position is in the flow, and that all done positions are committed or
// could not be.
func (p *partition[K, P]) drained() bool {
	return p.unheard == 0 && !p.sending && (!p.isReady || p.failed != nil)
}

// undrained says for what drained waits.
func (p *partition[K, P]) undrained() string {
	switch p.unheard {
	case 0:
		return "Commit has not returned"
	case 1:
		return "1 position is not done"
	}
	return fmt.Sprintf("%d positions are not done", p.unheard)
}

// wait returns a channel that is closed at the next change.
func (p *partition[K, P]) wait() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// tell wakes all goroutines that wait for a change.
func (p *partition[K, P]) tell() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

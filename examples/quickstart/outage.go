package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
)

// outage watches the breaker: it remembers the transitions for the report, and ends
// the run if the service stays down. Without it the run would wait forever.
type outage struct {
	patience time.Duration
	began    time.Time

	mu      sync.Mutex
	run     *flow.Run
	changes []breaker.Change
	timer   *time.Timer // runs while the breaker is not closed
	ended   bool
}

// note is the breaker's hook. The breaker calls it in the order of the transitions.
func (o *outage) note(c breaker.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes = append(o.changes, c)
	switch {
	case o.ended:
	case c.To == breaker.Closed:
		o.timer.Stop()
		o.timer = nil
	case o.timer == nil:
		o.timer = time.AfterFunc(o.patience, o.giveUp)
	}
}

func (o *outage) giveUp() {
	o.mu.Lock()
	run := o.run
	o.mu.Unlock()
	if run != nil {
		run.Abort(fmt.Errorf("the service has been down for %v, giving up", o.patience))
	}
}

// watch sets the run to end.
func (o *outage) watch(r *flow.Run) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.run = r
}

// over ends the watch.
func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.timer != nil {
		o.timer.Stop()
	}
}

// rows returns the transitions for a table.
func (o *outage) rows() [][]any {
	o.mu.Lock()
	defer o.mu.Unlock()
	var rows [][]any
	for _, c := range o.changes {
		rows = append(rows, []any{c.At.Sub(o.began), c.From.String(), c.To.String(), c.Cause.String()})
	}
	return rows
}

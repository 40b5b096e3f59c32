package natsio

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/ack"
)

// renew tells the server at intervals that the held messages are in progress, until ctx ends.
func (ls *leases) renew(ctx context.Context, lost func(error)) {
	tick := time.NewTicker(max(min(ls.every, ls.term)/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			ls.round(ctx)
			ls.expire(lost)
		case <-ctx.Done():
			return
		}
	}
}

// round renews the leases that are due. Renewals count from the time at which they were sent. They
// count only if the server has answered a later ping on the same connection: then it has read them.
//
// Without a connection round sends nothing. The client would buffer the renewals until it has one,
// and leave no room for acknowledgements.
func (ls *leases) round(ctx context.Context) {
	if !ls.conn.IsConnected() {
		return
	}
	reconnects, at := ls.conn.Stats().Reconnects, ls.now()
	before := at - ls.every*3/4
	first, any := ls.send(before)
	if !any {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(ls.every, max(first+ls.term-at, time.Millisecond)))
	defer cancel()
	if ls.conn.FlushWithContext(ctx) == nil && ls.conn.Stats().Reconnects == reconnects {
		ls.renewed(before, at)
	}
}

// send sends a renewal of each lease whose last renewal was before a time. It returns the time of
// the oldest of these renewals, and false if there are none.
func (ls *leases) send(before time.Duration) (first time.Duration, any bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	first = ls.ring.next.since
	for l := ls.ring.next; l != &ls.ring && l.since < before; l = l.next {
		_ = l.msg.InProgress() // the ping after it tells whether the renewal has arrived
		any = true
	}
	return first, any
}

// renewed sets the time of the last renewal to at, for the leases whose last renewal was before a
// time. Messages that arrived meanwhile are not changed.
func (ls *leases) renewed(before, at time.Duration) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := ls.ring.next; l != &ls.ring && l.since < before; l = ls.ring.next {
		l.since = at
		l.leave()
		ls.push(l)
	}
}

// expire ends the contexts of messages that were not renewed for a term. Another member may have
// them by now.
func (ls *leases) expire(lost func(error)) {
	var late []*lease
	ls.mu.Lock()
	now := ls.now()
	for l := ls.ring.next; l != &ls.ring && now-l.since > ls.term; l = ls.ring.next {
		l.leave()
		l.prev, l.next = l, l
		l.open()
		late = append(late, l)
	}
	ls.mu.Unlock()
	if late == nil {
		return
	}
	err := fmt.Errorf("%w: no renewal has reached the server for %v", ack.ErrLost, ls.term)
	lost(err)
	for _, l := range late {
		l.close(fmt.Errorf("%w: %w", err, stages.ErrHandedBack))
	}
}

package ack

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/weir-go/weir/stages"
)

// renew renews all held leases. The timer calls it in a goroutine of its own. It plans the next
// renewal.
func (l *Leases[ID]) renew() {
	l.mu.Lock()
	l.renewal = nil
	if l.shut || len(l.held) == 0 {
		l.mu.Unlock()
		return
	}
	begun := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), begun.Add(l.every()))
	ended := make(chan struct{})
	l.cancel, l.ended = cancel, ended
	all := l.soonest()
	l.mu.Unlock()
	defer close(ended)
	defer l.plan(begun)
	defer cancel()
	for part := range slices.Chunk(all, l.size()) {
		if ctx.Err() != nil {
			return // the next renewal begins with the rest
		}
		l.some(ctx, part)
	}
}

// plan plans the next renewal.
func (l *Leases[ID]) plan(begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel = nil
	if !l.shut && len(l.held) > 0 {
		l.renewal = time.AfterFunc(time.Until(begun.Add(l.every())), l.renew)
	}
}

// soonest returns the held leases, ordered by their end.
func (l *Leases[ID]) soonest() []*Lease[ID] {
	all := make([]*Lease[ID], 0, len(l.held))
	for _, h := range l.held {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *Lease[ID]) int { return a.until.Compare(b.until) })
	return all
}

func (l *Leases[ID]) size() int {
	if l.Size == 0 {
		return DefaultSize
	}
	return l.Size
}

// some renews those leases of part that are still held.
func (l *Leases[ID]) some(ctx context.Context, part []*Lease[ID]) {
	l.mu.Lock()
	part = slices.DeleteFunc(part, func(h *Lease[ID]) bool { return l.held[h.id] != h })
	l.mu.Unlock()
	if len(part) == 0 {
		return
	}
	ids := make([]ID, len(part))
	for i, h := range part {
		ids[i] = h.id
	}
	begun := time.Now() // the term of the queue begins later
	var lost []ID
	err := protect(func() (err error) { lost, err = l.Renew(ctx, ids); return err })
	for _, h := range l.renewedAt(begun, part, lost, err) {
		l.tell(h, errors.New("the queue says so"))
	}
}

// renewedAt records the result of Renew, and returns the lost leases.
func (l *Leases[ID]) renewedAt(begun time.Time, part []*Lease[ID], lost []ID, err error) (gone []*Lease[ID]) {
	out := make(map[ID]struct{}, len(lost))
	for _, id := range lost {
		out[id] = struct{}{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && !l.shut {
		l.err, l.at = err, time.Now()
	}
	for _, h := range part {
		if _, ok := out[h.id]; ok {
			if l.lose(h) {
				gone = append(gone, h)
			}
		} else if err == nil {
			h.until = begun.Add(l.Term)
			l.renewed++
		}
	}
	return gone
}

// protect calls user code. It turns a panic or runtime.Goexit into an error.
//
// Owner: protect, which waits for the goroutine. Goexit must not end the caller.
func protect(f func() error) (err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = stages.ErrGoexit
		defer func() {
			if v := recover(); v != nil {
				err = &stages.PanicError{Stage: "acknowledgement", Value: v, Stack: debug.Stack()}
			}
		}()
		err = f()
	}()
	<-ended
	return err
}

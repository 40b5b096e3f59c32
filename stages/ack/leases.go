package ack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// Leases renews the leases of deliveries that a queue hands out for a time, such as the
// visibility timeout of SQS or the ack wait of JetStream. A lease is renewed from [Leases.Hold]
// until the delivery is settled, even while its value waits in a buffer or for a retry.
//
//	held:   a---b------------------c----|
//	        ------b--------|
//	Renew:  -----[a b]-----[a]-----[a]-[c]     every Every
//
// A source holds the lease of each delivery that it emits. It gives the context of the lease to
// the delivery, and ends the lease when the delivery is acknowledged:
//
//	ctx, end := s.leases.Hold(ctx, m.ID)
//	ack := func(err error) { m.Settle(err); end() }
//	out.Deliver(stages.Receipt{Ack: ack, Context: ctx}, m)
//
// A lease is lost if Renew says so, or if it could not be renewed for a whole Term. Then
// its context ends, with a cause that matches [ErrLost] and [stages.ErrHandedBack]: calls
// for the item end, and it goes back.
//
// One goroutine renews all leases, many with one call. It runs only during renewals. Set
// the fields before the first use, and call [Leases.Close] in the Finish of the source. The
// methods may be called from any goroutine.
type Leases[ID comparable] struct {
	// Term is how long a lease lasts that is not renewed. It is required. The term
	// begins before the delivery arrives, so Term should be a little less than what the
	// queue grants.
	Term time.Duration
	// Every is the time between renewals. It is a third of Term if 0.
	Every time.Duration
	// Size is how many leases are renewed with one call, at most. It is [DefaultSize]
	// if 0.
	Size int
	// Renew renews leases. It returns the lost leases: the queue has handed their
	// deliveries out again. If it returns an error, the others are tried again after
	// Every. Leases that end soonest come first. The context ends after Every, and when
	// Close is called. Calls do not overlap.
	Renew func(ctx context.Context, ids []ID) (lost []ID, err error)
	// Lost is called with each lease that is lost, and why. It may be nil.
	Lost func(id ID, err error)

	mu      sync.Mutex // Guarded by: mu, all fields below
	held    map[ID]*Lease[ID]
	renewal *time.Timer // begins the next renewal; nil if none is planned or running
	expiry  *time.Timer // fires when the first lease may end; nil if none is held
	ended   chan struct{}
	cancel  context.CancelFunc // ends the running renewal; nil if there is none
	shut    bool
	renewed int64
	lost    int64
	err     error // the last error of Renew
	at      time.Time
}

// Hold begins a lease. The context has the values of ctx, not its deadline and end. It
// ends when the lease is lost. end ends the lease, and the context. It may be called more
// than once.
//
// If a lease of the same ID is held, the queue has handed the delivery out again: the older
// lease is lost. If the fields are faulty, or Leases is closed, the context has ended, with
// that as its cause.
func (l *Leases[ID]) Hold(ctx context.Context, id ID) (_ context.Context, end func()) {
	h := l.HoldAll(ctx, id)[0]
	return h, h.End
}

// HoldAll is [Leases.Hold] of many deliveries. It costs less than a call for each: a lease makes
// a context of the standard library only if something looks at its end.
func (l *Leases[ID]) HoldAll(ctx context.Context, ids ...ID) []*Lease[ID] {
	if ctx != context.Background() {
		ctx = context.WithoutCancel(ctx)
	}
	all, until := make([]*Lease[ID], len(ids)), time.Now().Add(l.Term)
	var block []Lease[ID]
	for i, id := range ids {
		if len(block) == 0 {
			block = make([]Lease[ID], min(leaseBlock, len(ids)-i))
		}
		all[i] = &block[0]
		block = block[1:]
		all[i].of, all[i].id, all[i].until, all[i].values = l, id, until, ctx
	}
	for _, older := range l.begin(all) {
		l.tell(older, errors.New("it was handed out again"))
	}
	return all
}

// leaseBlock is the largest number of leases that are allocated together. A held lease keeps the
// others alive.
const leaseBlock = 16

// begin registers leases, and returns older leases of the same deliveries.
func (l *Leases[ID]) begin(all []*Lease[ID]) (older []*Lease[ID]) {
	err := l.Validate()
	l.mu.Lock()
	if err == nil && l.shut {
		err = fmt.Errorf("%w: %w", ErrClosed, stages.ErrHandedBack)
	}
	if err != nil {
		l.mu.Unlock()
		for _, h := range all {
			h.end(err)
		}
		return nil
	}
	defer l.mu.Unlock()
	for _, h := range all {
		if other := l.hold(h); other != nil {
			older = append(older, other)
		}
	}
	return older
}

// hold registers the lease, and plans its renewal and its end. It returns an older lease of the
// same delivery, nil if there is none.
func (l *Leases[ID]) hold(h *Lease[ID]) (older *Lease[ID]) {
	if l.held == nil {
		l.held = map[ID]*Lease[ID]{}
	}
	if older = l.held[h.id]; older != nil {
		l.lost++
	}
	l.held[h.id] = h
	if l.renewal == nil && l.cancel == nil {
		l.renewal = time.AfterFunc(l.every(), l.renew)
	}
	if l.expiry == nil {
		l.expiry = time.AfterFunc(l.Term, l.expire)
	}
	return older
}

// Validate returns what is wrong with the fields, nil if nothing is.
func (l *Leases[ID]) Validate() error {
	if l.Renew != nil && l.Term > 0 && l.Every >= 0 && l.Every < l.Term && l.Size >= 0 {
		return nil
	}
	return errors.Join(
		needs(l.Renew == nil, "ack: Renew is nil"),
		needs(l.Term <= 0, "ack: Term is not positive"),
		needs(l.Every < 0, "ack: Every is negative"),
		needs(l.Every > 0 && l.Every >= l.Term, "ack: Every is not less than Term"),
		needs(l.Size < 0, "ack: Size is negative"))
}

func (l *Leases[ID]) every() time.Duration { return cmp.Or(l.Every, max(l.Term/3, 1)) }

// expire ends the leases whose term has passed. The timer calls it, also while Renew is running.
func (l *Leases[ID]) expire() {
	l.mu.Lock()
	now := time.Now()
	first, late := now.Add(l.Term), []*Lease[ID]{}
	for _, h := range l.held {
		switch {
		case !h.until.After(now):
			late = append(late, h)
		case h.until.Before(first):
			first = h.until
		}
	}
	for _, h := range late {
		l.lose(h)
	}
	l.expiry = nil
	if len(l.held) > 0 && !l.shut {
		l.expiry = time.AfterFunc(time.Until(first), l.expire)
	}
	why := errors.New("it was not renewed in time")
	if l.err != nil && now.Sub(l.at) <= l.Term {
		why = l.err
	}
	l.mu.Unlock()
	for _, h := range late {
		l.tell(h, why)
	}
}

// lose removes a lease that is lost. It returns false if it was not held any more.
func (l *Leases[ID]) lose(h *Lease[ID]) bool {
	if l.held[h.id] != h {
		return false
	}
	delete(l.held, h.id)
	l.lost++
	return true
}

// tell ends the context of a lost lease. It calls user code, so the caller must not hold the lock.
func (l *Leases[ID]) tell(h *Lease[ID], why error) {
	err := fmt.Errorf("%w: %v: %w: %w", ErrLost, h.id, why, stages.ErrHandedBack)
	h.end(err)
	if l.Lost == nil {
		return
	}
	if err := protect(func() error { l.Lost(h.id, err); return nil }); err != nil {
		l.trouble(err)
	}
}

// trouble records an error of user code.
func (l *Leases[ID]) trouble(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.at = err, time.Now()
}

// Close ends the renewals, and waits for Renew to return. The contexts of leases that are
// still held end, with a cause that matches [stages.ErrHandedBack] and [ErrClosed].
func (l *Leases[ID]) Close() {
	l.mu.Lock()
	l.shut = true
	held, ended := l.held, l.ended
	l.held = nil
	for _, t := range []*time.Timer{l.renewal, l.expiry} {
		if t != nil {
			t.Stop()
		}
	}
	l.renewal, l.expiry = nil, nil
	if l.cancel != nil {
		l.cancel()
	}
	l.mu.Unlock()
	for _, h := range held {
		h.end(fmt.Errorf("%w: %w", ErrClosed, stages.ErrHandedBack))
	}
	if ended != nil {
		<-ended
	}
}

// LeasesSnapshot is the state of [Leases].
type LeasesSnapshot struct {
	// Held is how many leases are held.
	Held int
	// Renewed is how many renewals there were, and Lost is how many leases were lost.
	Renewed, Lost int64
	// Err is the last error of Renew, and At is when it came.
	Err error
	At  time.Time
}

// Snapshot returns the state as of now.
func (l *Leases[ID]) Snapshot() LeasesSnapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LeasesSnapshot{Held: len(l.held), Renewed: l.renewed, Lost: l.lost, Err: l.err, At: l.at}
}

// Health returns the health of a source that holds a lease of each delivery, for its
// [stages.HealthReporter]. The lag is not known.
func (l *Leases[ID]) Health() stages.Health {
	s := l.Snapshot()
	return stages.Health{Unsettled: int64(s.Held), Lag: -1, Err: s.Err, At: s.At}
}

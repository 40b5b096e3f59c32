package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"
)

// Lease is the right to do something that only one process may do at a time, for as long
// as its term. It is made by [Acquire] and used by one goroutine at a time.
//
// A lease does not stop its holder. A holder that was suspended for longer than the term
// works on beside its successor, until it looks at [Lease.Left]. If that does harm, give
// [Lease.Revision] to the resource that is protected, and have it refuse lower ones. (A
// fencing token; Kleppmann, "How to do distributed locking", 2016.)
type Lease struct {
	store    Store
	key      string
	claim    claim
	revision uint64
	start    time.Time
	end      time.Duration // since start: when the term is over, by the clock of this process
}

// claim is the value of a lease's entry. A claim without an owner has been released. It
// has no point in time: the store knows its age.
type claim struct {
	Version int           `json:"v"`
	Owner   string        `json:"owner"`
	Nonce   string        `json:"nonce"` // tells two claims of one owner apart
	Term    time.Duration `json:"term"`
}

const claimVersion = 1

// Acquire takes the lease under key for owner, a name that is shown to others and must
// not be empty. It does not wait: if another owner has the lease, the error is a
// [*HeldError] that says for how long. Two calls with the same owner are two owners.
//
// The lease is free before it is taken, after it was released, and when its term is
// over. Acquire costs one Load and one CompareAndSet. If the answer to the CompareAndSet
// is lost, no process has the lease until the term is over.
func Acquire(ctx context.Context, s Store, key, owner string, term time.Duration) (*Lease, error) {
	l := &Lease{store: s, key: key, start: time.Now()}
	l.claim = claim{Version: claimVersion, Owner: owner, Nonce: rand.Text(), Term: term}
	if owner == "" {
		return nil, l.fault("acquire", errors.New("owner is empty"))
	}
	if term <= 0 {
		return nil, l.fault("acquire", ErrTTL)
	}
	e, err := s.Load(ctx, key)
	if err != nil {
		return nil, l.fault("acquire", err)
	}
	if held := holder(e, term); held != nil {
		return nil, held
	}
	l.revision = e.Revision
	if err := l.write(ctx, l.claim); err != nil {
		if errors.Is(err, ErrConflict) {
			return nil, &HeldError{Key: key, Left: term} // by a faster caller
		}
		return nil, l.fault("acquire", err)
	}
	if l.Left() <= 0 { // the store took longer to answer than the term
		return nil, l.lose("acquire")
	}
	return l, nil
}

// holder returns a refusal if another owner holds the lease whose entry is e. A value
// that cannot be read can be the claim of a newer version: it counts as held until its
// own ttl ends it.
func holder(e Entry, term time.Duration) *HeldError {
	if e.Revision == 0 {
		return nil
	}
	var c claim
	if json.Unmarshal(e.Value, &c) != nil || c.Version != claimVersion {
		return &HeldError{Key: e.Key, Left: term}
	}
	// A store may keep an entry longer than its ttl, so the age decides.
	if c.Owner == "" || e.Age >= c.Term {
		return nil
	}
	return &HeldError{Key: e.Key, Owner: c.Owner, Left: c.Term - e.Age}
}

// write replaces the entry that l knows by c. The term counts from before the call, so
// that its holder never takes a lease that is over for one that is not.
func (l *Lease) write(ctx context.Context, c claim) error {
	value, err := json.Marshal(c)
	if err != nil {
		return err
	}
	now := time.Since(l.start)
	revision, err := l.store.CompareAndSet(ctx, l.key, l.revision, value, c.Term)
	if err == nil {
		l.revision, l.end = revision, now+min(c.Term, maxTime-now)
	}
	return err
}

// Renew begins the term anew. The error is [ErrLost] if the term is over or another owner
// has taken the lease; then the lease is over. After any other error the term goes on as
// it was, and Renew may be tried again. It costs one CompareAndSet.
func (l *Lease) Renew(ctx context.Context) error {
	if l.Left() <= 0 {
		return l.lose("renew")
	}
	err := l.write(ctx, l.claim)
	if errors.Is(err, ErrConflict) && l.adopt(ctx) {
		err = l.write(ctx, l.claim)
	}
	if errors.Is(err, ErrConflict) {
		return l.lose("renew")
	}
	return l.fault("renew", err)
}

// adopt finds out whether the entry is the lease's own after all, because the answer to
// an earlier Renew was lost.
func (l *Lease) adopt(ctx context.Context) bool {
	e, err := l.store.Load(ctx, l.key)
	var c claim
	if err != nil || json.Unmarshal(e.Value, &c) != nil || c.Nonce != l.claim.Nonce {
		return false
	}
	l.revision = e.Revision
	return true
}

// Release gives the lease back, so that others need not wait for the end of its term. If
// the lease was lost before, Release changes nothing and returns [ErrLost]. The lease is
// over in any case. If the store cannot be reached, its entry stays until the term is
// over. Release costs one CompareAndSet.
func (l *Lease) Release(ctx context.Context) error {
	if l.end == 0 {
		return l.lose("release")
	}
	free := claim{Version: claimVersion, Term: l.claim.Term}
	err := l.write(ctx, free)
	if errors.Is(err, ErrConflict) && l.adopt(ctx) {
		err = l.write(ctx, free)
	}
	l.end = 0
	if errors.Is(err, ErrConflict) {
		return l.lose("release")
	}
	return l.fault("release", err)
}

// Left returns how much of the term is left, 0 if the lease is over. It counts from
// before the store was asked, so that it is rather too short than too long. It returns
// at once and does not ask the store.
func (l *Lease) Left() time.Duration { return max(l.end-time.Since(l.start), 0) }

// Revision returns the revision of the lease's entry. It is higher than that of every
// earlier holder. [Lease.Renew] changes it.
func (l *Lease) Revision() uint64 { return l.revision }

func (l *Lease) lose(op string) error {
	l.end = 0
	return l.fault(op, ErrLost)
}

func (l *Lease) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Key: l.key, Err: err}
}

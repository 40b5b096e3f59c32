package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
)

// loop is the state of the goroutine of [Breaker.Run].
type loop struct {
	*Breaker
	lease *store.Lease // of the fleet's one probe
}

// step synchronizes the store and the local breaker. due says that the loop must ask the store,
// even without a reason.
func (l *loop) step(ctx context.Context, due bool) {
	defer l.steer()
	defer l.answer()
	if !due && l.client.isDegraded() {
		return // the store is asked again at the next tick
	}
	l.mu.Lock()
	due = due || l.relist
	l.mu.Unlock()
	if due && !l.sync(ctx) {
		return
	}
	if l.tellVerdict(ctx) && l.tellVote(ctx) && l.askToProbe(ctx) && due {
		l.client.mend()
	}
}

// answer records that Run has handled the calls that asked to probe: the store does not block Run.
func (l *loop) answer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = 0
}

// sync loads all entries, and reports whether the store has answered.
func (l *loop) sync(ctx context.Context) bool {
	l.mu.Lock()
	l.relist = false // set before the load: events that are lost from here on are loaded again
	l.mu.Unlock()
	asked := l.client.now()
	var all []store.Entry
	err := l.client.call(ctx, func(ctx context.Context) (err error) {
		all, err = l.client.store.List(ctx, l.folder)
		return err
	})
	if err != nil {
		l.mu.Lock()
		l.relist = true
		l.mu.Unlock()
		return false
	}
	l.seesWipe(all, asked)
	known := false
	for _, e := range all {
		l.learn(e, false)
		known = known || e.Key == l.verdictKey() && e.Revision == l.revision(e.Key)
	}
	if !known {
		l.remind()
	}
	return true
}

// remind writes the verdict again if the store has lost it and a node votes in an earlier epoch.
// Otherwise that vote would stay void.
func (l *loop) remind() {
	now := l.client.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.verdict == nil && l.view.behind(now) {
		until := time.Duration(0)
		if v := l.view.verdict; v.open && now < v.until {
			until = v.until
		}
		l.verdict = &verdict{ends: l.view.epoch, begins: l.view.epoch, until: until, at: now}
	}
}

// learn adds an entry of the store to the view. See [view.learn].
func (b *Breaker) learn(e store.Entry, forced bool) {
	verdict := e.Key == b.verdictKey()
	if e.Revision == 0 || !verdict && !strings.HasPrefix(e.Key, b.folder+"vote/") {
		return
	}
	var r record
	err := unseal(e.Value, &r)
	now := b.client.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.view.ignored++
		return
	}
	epoch := b.view.epoch
	b.view.learn(e.Key, verdict, e.Revision, r, e.Age, now, forced)
	if b.view.epoch > epoch {
		b.mine, b.told = 0, vote{} // void
	}
}

// write writes the result of wanted under key. It reports whether it has written, and whether the
// store has answered. It calls wanted before each try, so that it does not overwrite a revision at
// which the node has not looked.
func (l *loop) write(ctx context.Context, key string, ttl time.Duration, wanted func() (record, bool)) (wrote, answered bool) {
	revision := l.revision(key)
	for range 8 {
		r, ok := wanted()
		if !ok {
			return false, true
		}
		r.Version = wireVersion
		value, err := seal(r)
		if err != nil {
			return false, true
		}
		var next uint64
		err = l.client.call(ctx, func(ctx context.Context) (err error) {
			next, err = l.client.store.CompareAndSet(ctx, key, revision, value, max(ttl, r.keep()))
			return err
		})
		if err == nil {
			l.learn(store.Entry{Key: key, Value: value, Revision: next}, true)
			return true, true
		}
		if !errors.Is(err, store.ErrConflict) {
			return false, false
		}
		if revision, ok = l.look(ctx, key); !ok {
			return false, false
		}
	}
	// So many conflicts come from writes of other nodes, which then make progress. Or the reads are
	// stale, and further tries would be a hot loop.
	return false, true
}

// look loads and learns an entry, and returns its revision.
func (l *loop) look(ctx context.Context, key string) (revision uint64, answered bool) {
	var e store.Entry
	err := l.client.call(ctx, func(ctx context.Context) (err error) {
		e, err = l.client.store.Load(ctx, key)
		return err
	})
	if err != nil {
		return 0, false
	}
	l.learn(e, false)
	return e.Revision, true
}

// revision returns the revision of the newest entry seen under key. If the entry is gone, a write
// with this revision conflicts.
func (l *loop) revision(key string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key == l.verdictKey() {
		return l.view.verdict.revision
	}
	return l.view.votes[key].revision
}

// tellVote writes the vote that this node wants to have.
func (l *loop) tellVote(ctx context.Context) bool {
	var sent vote
	wrote, answered := l.write(ctx, l.voteKey(), 0, func() (record, bool) {
		now := l.client.now()
		l.mu.Lock()
		defer l.mu.Unlock()
		sent = vote{}
		if l.mine > now { // otherwise the vote is over, and need not be written
			sent = vote{l.view.epoch, l.mine}
		}
		if sent == l.told || sent.until == 0 && l.mine != 0 {
			return record{}, false
		}
		l.told = unsure // until the store confirms the write
		return record{Epoch: l.view.epoch, For: max(sent.until-now, 0)}, true
	})
	if wrote {
		l.mu.Lock()
		l.told = sent
		l.mu.Unlock()
	}
	return answered
}

// tellVerdict ends the epoch with the result of the probe, unless another node has ended it first.
// It then gives back the lease.
func (l *loop) tellVerdict(ctx context.Context) bool {
	var sent *verdict
	wrote, answered := l.write(ctx, l.verdictKey(), keepVerdict, func() (record, bool) {
		now := l.client.now()
		l.mu.Lock()
		defer l.mu.Unlock()
		if sent = l.verdict; sent == nil {
			return record{}, false
		}
		if sent.ends != l.view.epoch || now-sent.at > max(l.policy.lease, l.policy.every) {
			l.verdict = nil // another node was faster, or the result is too old
			return record{}, false
		}
		return record{Epoch: sent.begins, For: max(sent.until-now, 0)}, true
	})
	l.mu.Lock()
	if wrote && l.verdict == sent {
		l.verdict = nil
	}
	done := sent != nil && l.verdict == nil && l.lease != nil
	l.mu.Unlock()
	if done {
		l.giveBack(ctx)
	}
	return answered
}

// askToProbe takes the lease of the fleet's one probe, if a call has asked for it and it is time
// for a probe.
func (l *loop) askToProbe(ctx context.Context) bool {
	now := l.client.now()
	l.mu.Lock()
	o := l.view.opening(now, l.policy.quorum)
	ask := l.wanted && o.down && now >= o.until && now >= l.leased // a call may have asked since
	l.wanted = false
	l.mu.Unlock()
	if !ask {
		return true
	}
	var lease *store.Lease
	err := l.client.call(ctx, func(ctx context.Context) (err error) {
		lease, err = store.Acquire(ctx, l.client.store, l.probeKey(), l.policy.node, l.policy.lease)
		return err
	})
	now = l.client.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		l.blocked = after(now, min(held.Left, l.policy.every))
		return true
	}
	if err != nil {
		return false
	}
	l.lease, l.leased = lease, after(now, lease.Left())
	return true
}

func (l *loop) giveBack(ctx context.Context) {
	lease := l.lease
	l.lease = nil
	l.mu.Lock()
	l.leased = 0
	l.mu.Unlock()
	// If this fails, the next probe waits for the end of the lease.
	_ = l.client.call(ctx, lease.Release)
}

// leave gives back the lease when Run ends, so that other nodes need not wait for it.
func (l *loop) leave(ctx context.Context) {
	if l.lease != nil {
		l.giveBack(context.WithoutCancel(ctx))
	}
}

// steer makes the local breaker follow the fleet's decision.
func (l *loop) steer() {
	now := l.client.now()
	l.mu.Lock()
	o := l.view.opening(now, l.policy.quorum)
	was, since, steered := l.applied, l.since, l.steered
	l.applied, l.since = o, l.view.epoch
	epoch := l.view.epoch
	l.mu.Unlock()
	switch {
	case o.down && (!was.down || o.until != was.until || epoch != since):
		l.open(o, now)
	case !o.down && was.down && epoch > since:
		l.close() // the verdict is that the service is up
	case !o.down && was.down && steered && now < was.until:
		l.close() // enough nodes have changed their minds
	}
}

// open follows an opening of the fleet. A node that has opened by itself for longer stays open. A
// difference as small as the time of a call to the store does not count.
func (l *loop) open(o opening, now time.Duration) {
	left := o.until - now
	if left <= 0 && !l.policy.once {
		return
	}
	s := l.local.Snapshot()
	switch {
	case left <= 0 && s.State != breaker.Closed:
		return // it waits to probe, or probes
	case s.State == breaker.Open && left-s.RetryAfter <= l.policy.timeout:
		return
	}
	l.mu.Lock()
	l.steered = true
	l.mu.Unlock()
	l.local.OpenFor(left)
}

func (l *loop) close() {
	l.mu.Lock()
	l.steered = false
	l.mu.Unlock()
	l.local.Recover()
}

package fleet

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
)

// Breaker is a circuit breaker that many processes share. It is made by [NewBreaker] and
// must not be copied.
//
// Calls go through the [breaker.Breaker] that [Breaker.Breaker] returns. That is a plain
// breaker, at its usual cost, that opens by its own rules. [Breaker.Run] tells the other
// nodes when it does, and opens or closes it when the fleet has decided so. Without Run
// nothing is shared.
type Breaker struct {
	local  *breaker.Breaker
	client *client
	policy policy
	name   string
	folder string // of everything about this breaker in the store

	running atomic.Bool
	wake    chan struct{} // holds one token while there is work for Run

	mu      sync.Mutex // Must not: be held while the store, a hook or the local breaker runs.
	view    view
	mine    time.Duration // until when the node votes that the service is down, or 0
	told    vote          // the vote of this node that the store has
	verdict *verdict      // of a probe, not yet told
	applied opening       // the decision that the local breaker has followed
	since   uint64        // the epoch of applied
	steered bool          // the local breaker was opened by a decision, not by itself
	relist  bool          // events may have been lost
	wanted  bool          // a call has asked to probe
	asked   time.Duration // when the first call has asked that Run has not answered, or 0
	leased  time.Duration // until when the node may probe for the fleet
	blocked time.Duration // until when the node does not ask for that
	wiped   uint64        // how often the store has lost its data
}

// vote is a node's own vote; the zero vote is that there is none.
type vote struct {
	epoch uint64
	until time.Duration
}

// unsure is told after the answer to a write was lost. No vote is equal to it, so that the
// vote of the node is told again.
var unsure = vote{until: -1}

// verdict is the result of a probe: until when the service must not be called, 0 if it is
// up. It counts only in the epoch that it ends.
type verdict struct {
	ends, begins uint64
	until        time.Duration
	at           time.Duration
}

// NewBreaker returns a breaker that shares what it knows, through s, with all breakers of
// the same name and store. The name is that of p. The options say when the fleet opens
// ([AnyNode], [Quorum]) and how it recovers ([ProbeOnce]). They and p should be the same
// in all nodes. The error is a [*PolicyError] that lists everything that is wrong.
//
// NewBreaker starts nothing: [Breaker.Run] does the sharing. [ProbeOnce] replaces a
// [breaker.ProbeGate] of p.
func NewBreaker(s store.Store, p breaker.Policy, opts ...Option) (*Breaker, error) {
	b := &Breaker{policy: newPolicy(forBreaker, opts), wake: make(chan struct{}, 1), relist: true}
	// The hook and the gate may be called as soon as the local breaker is used,
	// which is after this function has returned.
	p = p.With(breaker.OnChange(b.observe))
	if b.policy.once {
		p = p.With(breaker.ProbeGate(b.gate))
	}
	local, fault := breaker.New(p)
	if told, ok := errors.AsType[*breaker.PolicyError](fault); ok {
		b.name = told.Name
	} else if fault == nil {
		b.local, b.name = local, local.Snapshot().Name
	}
	if err := b.policy.validate(b.name, s, fault); err != nil {
		return nil, err
	}
	b.client = newClient(s, b.name, &b.policy)
	b.folder = store.Key("breaker", b.name) + "/"
	return b, nil
}

// Breaker returns the breaker that calls go through. It makes a *Breaker a
// [breaker.Source], which can stand in place of a breaker's policy. Reset and Trip concern
// its own process, and last until the fleet makes another decision. The zero Breaker returns a [*PolicyError].
func (b *Breaker) Breaker() (*breaker.Breaker, error) {
	if b == nil || b.client == nil {
		return nil, errNoBreaker
	}
	return b.local, nil
}

func (b *Breaker) voteKey() string    { return b.folder + "vote/" + store.Key(b.policy.node) }
func (b *Breaker) verdictKey() string { return b.folder + "verdict" }
func (b *Breaker) probeKey() string   { return b.folder + "probe" }

// observe is the hook of the local breaker. An opening by its own rules becomes a vote; a
// closing withdraws it.
func (b *Breaker) observe(c breaker.Change) {
	if b.policy.local || c.Mode != breaker.Active {
		return
	}
	now := b.client.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	byProbe := c.Cause == breaker.Probe
	switch {
	case c.To == breaker.Open && (byProbe || c.Cause == breaker.Threshold):
		b.mine = now + min(c.For, maxOpen)
		b.steered = false
	case c.To == breaker.Closed:
		b.mine, b.steered = 0, false
	default: // opened by hand or by a decision, or half-open
		return
	}
	if byProbe && b.policy.once && b.view.opening(now, b.policy.quorum).down {
		b.verdict = &verdict{ends: b.view.epoch, begins: b.view.epoch + 1, until: b.mine, at: now}
		if b.mine > 0 {
			b.blocked = after(b.mine, b.policy.every) // stand back
		}
	}
	b.poke()
}

// gate is asked by the local breaker before it lets a probe through.
func (b *Breaker) gate() time.Duration {
	if !b.running.Load() || b.client.isDegraded() {
		return 0
	}
	now := b.client.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.view.opening(now, b.policy.quorum)
	switch {
	case !o.down: // only this node has opened
		return 0
	case now < o.until:
		return o.until - now
	case now < b.leased:
		return 0
	case now < b.blocked:
		return b.blocked - now
	case b.asked > 0 && (now-b.asked-b.policy.every)/patience > b.policy.timeout:
		// The store does not even return after the timeout. It must not keep a node from
		// its service.
		return 0
	}
	if b.asked == 0 {
		b.asked = now
	}
	b.wanted = true
	b.poke()
	return min(b.policy.timeout, defaultTimeout) // by then the store has answered
}

// patience is how many calls of the store Run may have to wait for before it
// answers whether the node may probe.
const patience = 8

// poke wakes Run; it never blocks.
func (b *Breaker) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run shares until ctx ends. Then it returns nil, after all that it started has ended. If
// Run is running already, it returns [ErrRunning] at once. It makes one call to the store
// for each [Every], one or two for each change, and none for calls of the breaker. Before
// Run, and while the store is down, the breaker is a local one.
func (b *Breaker) Run(ctx context.Context) error {
	if b.client == nil {
		return errNoBreaker
	}
	if !b.running.CompareAndSwap(false, true) {
		return &Error{Name: b.name, Err: ErrRunning}
	}
	defer b.running.Store(false)
	if b.policy.local {
		<-ctx.Done()
		return nil
	}
	l := &loop{Breaker: b}
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching.Go(func() { b.watch(ctx) })
	defer l.leave(ctx)
	tick := time.NewTicker(b.policy.every)
	defer tick.Stop()
	for due := true; ; {
		l.step(ctx, due)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			due = true
		case <-b.wake:
			due = false
		}
	}
}

// watch learns the writes of other nodes as they happen, if the store is a Watcher.
func (b *Breaker) watch(ctx context.Context) {
	w, ok := b.client.store.(store.Watcher)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		for e, err := range w.Watch(ctx, b.folder) {
			if err != nil {
				break
			}
			if e.Lost {
				b.mu.Lock()
				b.relist = true
				b.mu.Unlock()
			} else {
				b.learn(e.Entry, false)
			}
			b.poke()
		}
		// The stream was cut. Until it is back the questions at intervals replace it.
		select {
		case <-ctx.Done():
		case <-time.After(b.policy.every):
		}
	}
}

package fleet

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/store"
)

// Breaker is a circuit breaker that many processes share. It is made by
// [NewBreaker] and must not be copied.
//
// Calls go through the [breaker.Breaker] that [Breaker.Breaker] returns: a plain
// one, with the cost of one, that opens by its own rules. [Breaker.Run] tells the
// others when it does, and opens or closes it when the fleet has decided so.
// Nothing is shared while Run does not run.
type Breaker struct {
	local  *breaker.Breaker
	client *client
	policy policy
	name   string
	folder string // of everything about this breaker in the store

	running atomic.Bool
	wake    chan struct{} // holds one token while there is something for Run to do

	mu      sync.Mutex // never held while the store, a hook or the local breaker runs
	view    view
	mine    time.Duration // until when the node votes that the service is down; 0: not
	told    vote          // its vote that the store has
	verdict *verdict      // of a probe, not yet told
	applied opening       // the decision that the local breaker has followed
	since   uint64        // the epoch of applied
	steered bool          // the local breaker was opened by a decision, not by itself
	relist  bool          // news may have been lost
	wanted  bool          // a call has asked to probe
	asked   time.Duration // when the first one has that Run has not answered; 0: none
	leased  time.Duration // until when the node may probe for the fleet
	blocked time.Duration // until when there is no use in asking for it
}

// vote is a node's own vote; the zero vote is that there is none.
type vote struct {
	epoch uint64
	until time.Duration
}

// unsure is the vote that the store has where the answer to a write was lost: it
// is none that a node can want, so whichever it wants is told again.
var unsure = vote{until: -1}

// verdict is the result of a probe: until when the service is not to be called,
// 0 where it is up. It counts only in the epoch that it ends.
type verdict struct {
	ends, begins uint64
	until        time.Duration
	at           time.Duration
}

// NewBreaker returns a breaker that shares, through s and under the name of p,
// what it knows with all that are made with the same name and store. The options
// say when the fleet opens ([AnyNode], [Quorum]) and how it recovers
// ([ProbeOnce]); they and p should be the same in all nodes. The error is a
// [*PolicyError] that lists everything that is wrong.
//
// It starts nothing: [Breaker.Run] does the sharing. With [ProbeOnce], a
// [breaker.ProbeGate] of p is replaced.
func NewBreaker(s store.Store, p breaker.Policy, opts ...Option) (*Breaker, error) {
	b := &Breaker{policy: newPolicy(forBreaker, opts), wake: make(chan struct{}, 1), relist: true}
	// The hook and the gate may be called as soon as the local breaker is used,
	// which is after this function has returned.
	p = p.With(breaker.OnChange(b.observe))
	if b.policy.once {
		p = p.With(breaker.ProbeGate(b.gate))
	}
	local, err := breaker.New(p)
	var faults []error
	if err != nil {
		faults = append(faults, err)
	} else {
		b.local, b.name = local, local.Snapshot().Name
	}
	if err := b.policy.validate(b.name, s, faults...); err != nil {
		return nil, err
	}
	b.client = newClient(s, b.name, &b.policy)
	b.folder = store.Key("breaker", b.name) + "/"
	return b, nil
}

// Breaker returns the breaker that calls go through. It makes a *Breaker a
// [breaker.Source], so it stands wherever a breaker's policy does. To Reset or
// Trip it by hand concerns its own process, and lasts until the fleet decides
// something new.
func (b *Breaker) Breaker() (*breaker.Breaker, error) { return b.local, nil }

func (b *Breaker) voteKey() string    { return b.folder + "vote/" + store.Key(b.policy.node) }
func (b *Breaker) verdictKey() string { return b.folder + "verdict" }
func (b *Breaker) probeKey() string   { return b.folder + "probe" }

// observe is the hook of the local breaker. What it opened by itself becomes a
// vote; what ended its doubts withdraws it.
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
	default: // opened by hand or by a decision, or about to probe
		return
	}
	if byProbe && b.policy.once && b.view.opening(now, b.policy.quorum).down {
		b.verdict = &verdict{ends: b.view.epoch, begins: b.view.epoch + 1, until: b.mine, at: now}
		if b.mine > 0 {
			b.blocked = b.mine + b.policy.every // stand back
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
	case !o.down: // the node's own affair
		return 0
	case now < o.until:
		return o.until - now
	case now < b.leased:
		return 0
	case now < b.blocked:
		return b.blocked - now
	case b.asked > 0 && now-b.asked > b.policy.every+patience*b.policy.timeout:
		// The store does not even return when it should. It must not keep a node
		// from its service.
		return 0
	}
	if b.asked == 0 {
		b.asked = now
	}
	b.wanted = true
	b.poke()
	return b.policy.timeout // by then the store has answered
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

// Run shares until ctx ends, and then returns nil, with all it started ended.
// Where it is running already it returns [ErrRunning] at once. It makes one call
// to the store for each [Every], one or two for each change, and none for calls
// of the breaker. Until it has run, and whenever the store is down, the breaker
// is a local one.
func (b *Breaker) Run(ctx context.Context) error {
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

// watch is told the news, if the store can tell them.
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
		// The stream was cut: what it does not tell until it is back, asking does.
		select {
		case <-ctx.Done():
		case <-time.After(b.policy.every):
		}
	}
}

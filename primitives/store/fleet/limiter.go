package fleet

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/limiter"
	"github.com/weir-go/weir/primitives/store"
)

// Limiter is a limiter whose rate many processes share. It is made by [NewLimiter] and must not be
// copied.
//
// The rate is cut into equal shares, each of which is a lease in the store. A node admits at the
// rate of the shares that it has. So the nodes together never exceed the rate, whichever join,
// leave or die, and no call waits for the store. [Limiter.Run] takes and renews shares, and divides
// them evenly among the nodes that run. Without Run a node has none.
//
// Each node can save up a burst of its own. In a time t the fleet admits at most t times the rate,
// and the bursts of its nodes.
type Limiter struct {
	local  *limiter.Limiter
	client *client
	policy policy
	name   string
	rate   float64
	burst  int

	running atomic.Bool
	wake    chan struct{} // a token when a share has a new end

	mu      sync.Mutex // Must not: be held while the store runs.
	ends    map[int]time.Duration
	members int
}

// LimiterSnapshot is the state of a [Limiter] at one moment.
type LimiterSnapshot struct {
	// Members is how many nodes share the rate, as far as this one knows, itself included.
	Members int
	// Shares is how many shares this node has, of the Of that there are.
	Shares, Of int
	// Degraded says that the store does not answer. The node loses its shares when their term is over.
	Degraded bool
	// Limiter is the state of the node's own limiter.
	Limiter limiter.Snapshot
}

// NewLimiter returns a limiter that admits perSecond units a second in all processes that share the
// store and the name. Each node can save up burst units, which is also the highest cost of a call.
// The options are [Shares], [Term], [Node], [Timeout] and [OnEvent].
//
// Every node must give the same rate and the same Shares. An error is a [*PolicyError].
func NewLimiter(s store.Store, name string, perSecond float64, burst int, opts ...Option) (*Limiter, error) {
	p := newPolicy(forLimiter, opts)
	whole := limiter.PerSecond(perSecond, limiter.Name(name), limiter.Burst(burst))
	fault := whole.Validate()
	if name == "" {
		fault = errors.Join(fault, errors.New("the name is empty"))
	}
	if err := p.validate(name, s, fault); err != nil {
		return nil, err
	}
	p.every = p.term / 3
	l := &Limiter{
		client: newClient(s, name, &p), policy: p, name: name, rate: perSecond, burst: burst,
		wake: make(chan struct{}, 1), ends: map[int]time.Duration{},
	}
	var err error
	if l.local, err = limiter.New(l.at(0)); err != nil {
		return nil, &PolicyError{Name: name, Err: err}
	}
	l.local.Penalize(0) // a node that has no share has saved nothing
	return l, nil
}

// idle is the time in which a node without a share admits a burst. It is practically never over.
const idle = 30 * 365 * 24 * time.Hour

// at is the policy of a node with n shares.
func (l *Limiter) at(n int) limiter.Policy {
	if n == 0 {
		return limiter.Every(idle/time.Duration(l.burst), limiter.Name(l.name), limiter.Burst(l.burst))
	}
	part := l.rate * float64(n) / float64(l.policy.shares)
	return limiter.PerSecond(part, limiter.Name(l.name), limiter.Burst(l.burst))
}

// Limiter returns the limiter of this node, at its usual cost. So l is a [limiter.Source].
func (l *Limiter) Limiter() (*limiter.Limiter, error) {
	if l == nil || l.local == nil {
		return nil, errNoLimiter
	}
	return l.local, nil
}

// Snapshot returns the state of l. It does not ask the store.
func (l *Limiter) Snapshot() LimiterSnapshot {
	if l.local == nil {
		return LimiterSnapshot{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return LimiterSnapshot{
		Members: l.members, Shares: len(l.ends), Of: l.policy.shares,
		Degraded: l.client.isDegraded(), Limiter: l.local.Snapshot(),
	}
}

// Run takes part in the fleet until ctx ends. Then it gives the shares back, so that others need not
// wait for the end of their term, and the limiter admits nothing. The error is [ErrRunning] if l
// runs already, and nil otherwise.
func (l *Limiter) Run(ctx context.Context) error {
	if l.client == nil {
		return errNoLimiter
	}
	if !l.running.CompareAndSwap(false, true) {
		return &Error{Name: l.name, Err: ErrRunning}
	}
	defer l.running.Store(false)
	over, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { l.expire(over) })
	k := &keeper{Limiter: l, held: map[int]*store.Lease{}}
	defer k.leave(over)
	tick := time.NewTicker(l.policy.every)
	defer tick.Stop()
	for {
		k.step(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// expire removes the shares whose lease was not renewed in time, also while the store hangs.
func (l *Limiter) expire(ctx context.Context) {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		timer.Reset(l.dropLate())
		select {
		case <-timer.C:
		case <-l.wake:
		case <-ctx.Done():
			return
		}
	}
}

// dropLate drops the shares that have ended, and returns the time until the next end.
func (l *Limiter) dropLate() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, next, before := l.client.now(), idle, len(l.ends)
	for share, end := range l.ends {
		if end <= now {
			delete(l.ends, share)
			continue
		}
		next = min(next, end-now)
	}
	if len(l.ends) != before {
		l.apply()
	}
	return next
}

// set records how long the node has a share. If left is not positive, it removes the share. It uses
// nine tenths of the term, so that the node drops a share before another node can take it.
func (l *Limiter) set(share int, left time.Duration) {
	l.mu.Lock()
	before := len(l.ends)
	if left -= l.policy.term / 10; left > 0 {
		l.ends[share] = after(l.client.now(), left)
	} else {
		delete(l.ends, share)
	}
	if len(l.ends) != before {
		l.apply()
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// apply sets the rate for the node's shares. Guarded by: mu.
func (l *Limiter) apply() {
	_ = l.local.Set(l.at(len(l.ends))) // valid, as the policy of the whole rate is
	if len(l.ends) == 0 {
		l.local.Penalize(0)
	}
}

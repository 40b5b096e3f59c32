package fleet

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
)

// Dedup does a piece of work once for all processes that ask for it while it is
// done, or within the ttl of its policy after. It is made by [NewDedup], is safe
// for concurrent use, and has nothing to run and nothing to close.
type Dedup[K comparable, V any] struct {
	local  *dedup.Dedup[K, local[V]]
	client *client
	policy policy
	codec  Codec[K, V]
	ttl    time.Duration
	name   string
	folder string // of all its keys in the store

	runs, alone, taken, unshared, unread atomic.Uint64
}

// local is a result as the node keeps it.
type local[V any] struct {
	value V
	// until is when a result that another node has worked out is as old as the
	// ttl. The node's own deduplicator counts from when it got it, which is later.
	// 0 where the node has worked it out itself.
	until   time.Duration
	dropped *atomic.Bool // somebody has taken it upon himself to forget it
}

// NewDedup returns a deduplicator that shares, through s and under the name of
// p, with all that are made with the same name and store. A [dedup.Dedup] with
// the policy p is a part of it: it shares within the process, and keeps what came
// from the others. Name and ttl should be the same in all nodes, and p must have a
// name. The error is a [*PolicyError] that lists everything that is wrong.
//
// Work is done once as long as the store answers and the node that does it
// renews its claim. Beyond that it is no transaction: a node that stands still for
// longer than its [Claim] does its work beside its successor. Where doing it
// twice is not wasteful but wrong, the work itself has to refuse it.
//
// It is no layer of a stream: in one, it stands in the function of a Map, and an
// item that waits for another node holds a worker. A dedup layer above keeps the
// items of this process that are equal from holding more than one.
func NewDedup[K comparable, V any](s store.Store, p dedup.Policy, c Codec[K, V], opts ...Option) (*Dedup[K, V], error) {
	d := &Dedup[K, V]{policy: newPolicy(forDedup, opts), ttl: p.TTL(), name: p.Name()}
	codec, codecErr := c.completed()
	inner, err := dedup.New[K, local[V]](p, codec.hooks())
	faults := []error{codecErr, err}
	if d.name == "" {
		faults = append(faults, errors.New("the policy has no name"))
	}
	if err := d.policy.validate(d.name, s, faults...); err != nil {
		return nil, err
	}
	d.local, d.codec = inner, codec
	d.client = newClient(s, d.name, &d.policy)
	d.folder = store.Key("dedup", d.name) + "/"
	return d, nil
}

// Do is [dedup.Dedup.Do] across processes: it returns the result for key that
// this or another node has worked out within the ttl, or waits for the one that
// is working on it, or is that one and runs f. What holds there of contexts,
// panics and errors within a process holds here. An error of f is not told to
// other nodes: one of those that wait runs its own f.
//
// A result that this node keeps costs no store operation, one of another node a
// Load, and a run a Load and two writes beside the renewals. Where the store is
// down f runs without, once per process, or is refused where [Strict]. Do then
// waits for the store no longer than its [Timeout].
func (d *Dedup[K, V]) Do(ctx context.Context, key K, f func(context.Context) (V, error)) (V, error) {
	begun := d.client.now()
	for {
		l, err := d.local.Do(ctx, key, func(ctx context.Context) (local[V], error) { return d.share(ctx, key, f) })
		if err != nil || l.until == 0 || begun < l.until {
			return l.value, err
		}
		// Of all who find it too old one forgets it, once, lest a second one
		// forgets what the first is waiting for already.
		if l.dropped.CompareAndSwap(false, true) {
			d.local.Forget(key)
		}
	}
}

// share is what one of the callers in a process does for all.
func (d *Dedup[K, V]) share(ctx context.Context, key K, f func(context.Context) (V, error)) (local[V], error) {
	p := &pursuit{client: d.client, policy: &d.policy, ttl: d.ttl, folder: d.folder + store.Key(d.codec.Key(key)) + "/"}
	for {
		found, mine, err := p.settle(ctx)
		d.unread.Add(p.unread)
		p.unread = 0
		switch {
		case mine != nil:
			v, err := d.work(ctx, mine, f)
			return local[V]{value: v}, err
		case err == nil:
			v, err := d.codec.Decode(found.Value)
			if err == nil {
				return d.take(v, found.age), nil
			}
			d.unread.Add(1)
			if d.policy.strict { // the work has been done
				return local[V]{}, &Error{Name: d.name, Err: errors.Join(errDecode, err)}
			}
			p.reject = found.Nonce
		case ctx.Err() != nil:
			return local[V]{}, ctx.Err() // nobody waits any more
		case d.policy.strict:
			return local[V]{}, &Error{Name: d.name, Err: err}
		default:
			d.alone.Add(1)
			v, err := f(ctx)
			return local[V]{value: v}, err
		}
	}
}

// take is for a result that another node has worked out.
func (d *Dedup[K, V]) take(v V, age time.Duration) local[V] {
	d.taken.Add(1)
	l := local[V]{value: v}
	if d.ttl > 0 {
		l.until, l.dropped = d.client.now()+d.ttl-age, new(atomic.Bool)
	}
	return l
}

// work runs f under the claim c. However f ends, so does the claim.
func (d *Dedup[K, V]) work(ctx context.Context, c *claim, f func(context.Context) (V, error)) (v V, err error) {
	d.runs.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lost := func() {
		if d.policy.strict {
			cancel(ErrClaim)
		}
	}
	stop := c.keep(ctx, lost)
	shared := false
	defer func() { // also where f panics or calls runtime.Goexit
		stop()
		if !shared {
			c.release(ctx)
		}
	}()
	v, err = f(ctx)
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrClaim) {
			err = &Error{Name: d.name, Err: errors.Join(ErrClaim, err)}
		}
		return v, err
	}
	stop()
	value, encodeErr := d.codec.Encode(v)
	shared = encodeErr == nil && c.publish(ctx, value, d.ttl)
	if !shared {
		d.unshared.Add(1)
	}
	return v, nil
}

package fleet

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/store"
)

// Dedup does a piece of work once for all processes that ask for it during the work, or
// within the ttl of its policy after it. It is made by [NewDedup] and is safe for
// concurrent use. It has nothing to run and nothing to close.
type Dedup[K comparable, V any] struct {
	local  *dedup.Dedup[K, local[V]]
	client *client
	policy policy
	codec  Codec[K, V]
	ttl    time.Duration
	name   string
	folder string // folder in the store for all keys

	runs, alone, taken, unshared, unread atomic.Uint64
}

// local is a result as the local deduplicator keeps it.
type local[V any] struct {
	value V
	// until is the time at which a result of another node is as old as the ttl. The local
	// deduplicator counts from the time at which it got the result, which is later. until is 0 for
	// a result of this node.
	until   time.Duration
	dropped *atomic.Bool // set by the one caller that forgets it
}

// NewDedup returns a deduplicator that shares results, through s, with all deduplicators
// of the same name and store. The name is that of p, which must have one. Name and ttl
// should be the same in all nodes. A [dedup.Dedup] with the policy p is a part of it: it
// shares within the process, and also keeps results of other nodes. The error is a
// [*PolicyError] that lists everything that is wrong.
//
// Work is done once while the store answers and the node that does it renews its claim.
// This is not a transaction: a node that is suspended for longer than its [Claim] does its
// work at the same time as its successor. If work that is done twice does harm, the work
// itself must refuse the second time.
//
// A Dedup is not a layer of a stream. In a stream it stands in the function of a Map, and
// an item that waits for another node holds a worker. With a dedup layer above, equal
// items of this process hold no more than one.
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

// Do is [dedup.Dedup.Do] across processes. It returns the result for key that this or
// another node has worked out within the ttl. If a node is working on it, Do waits for
// that node; otherwise it runs f. Within a process, contexts, panics and errors behave as
// in [dedup.Dedup.Do]. An error of f is not told to other nodes: one of the nodes that
// wait runs its own f.
//
// A result that this node keeps costs no call to the store. A result of another node costs
// a Load, and a run costs a Load, two writes and the renewals. If the store is down, f
// runs once per process, or is refused if [Strict]. Do waits for the store no longer than
// its [Timeout].
func (d *Dedup[K, V]) Do(ctx context.Context, key K, f func(context.Context) (V, error)) (V, error) {
	if d.client == nil {
		var zero V
		return zero, errNoDedup
	}
	begun := d.client.now()
	for {
		l, err := d.local.Do(ctx, key, func(ctx context.Context) (local[V], error) { return d.share(ctx, key, f) })
		if err != nil || l.until == 0 || begun < l.until {
			return l.value, err
		}
		// If several callers find it too old, only one of them forgets it. A second one could
		// forget the run for which the first already waits.
		if l.dropped.CompareAndSwap(false, true) {
			d.local.Forget(key)
		}
	}
}

// Run is [Dedup.Do] for a function that returns nothing but an error. It is for a
// Dedup[K, struct{}]: to Do, the value of the run is the zero V.
func (d *Dedup[K, V]) Run(ctx context.Context, key K, f func(context.Context) error) error {
	_, err := d.Do(ctx, key, func(ctx context.Context) (v V, err error) { return v, f(ctx) })
	return err
}

// share does the work of all callers in this process that wait for a key.
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
			if d.policy.strict { // the work was done, and must not be repeated
				return local[V]{}, &Error{Name: d.name, Err: errors.Join(errDecode, err)}
			}
			p.reject = found.Nonce
		case ctx.Err() != nil:
			return local[V]{}, ctx.Err() // no caller waits any more
		case d.policy.strict:
			return local[V]{}, &Error{Name: d.name, Err: err}
		default:
			d.alone.Add(1)
			v, err := f(ctx)
			return local[V]{value: v}, err
		}
	}
}

// take returns the result of another node as a local one.
func (d *Dedup[K, V]) take(v V, age time.Duration) local[V] {
	d.taken.Add(1)
	l := local[V]{value: v}
	if d.ttl > 0 {
		l.until, l.dropped = after(d.client.now(), d.ttl)-age, new(atomic.Bool)
	}
	return l
}

// work runs f under the claim c, and ends the claim however f ends.
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
	defer func() { // f may panic or call runtime.Goexit
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

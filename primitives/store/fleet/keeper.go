package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/weir-go/weir/primitives/store"
)

// keeper is the state of the goroutine of [Limiter.Run].
type keeper struct {
	*Limiter
	held map[int]*store.Lease
}

// Values of a node's own entry: it takes part, or has left.
const present, left = "present", "left"

func (k *keeper) folder() string { return store.Key("limiter", k.name, "node") + "/" }

func (k *keeper) shareKey(share int) string {
	return store.Key("limiter", k.name, "share", strconv.Itoa(share))
}

// step renews the shares, and takes missing shares or gives back surplus ones.
func (k *keeper) step(ctx context.Context) {
	ok := k.renew(ctx)
	ok = k.tell(ctx, present) && ok
	nodes, known := k.nodes(ctx)
	if !known {
		return
	}
	k.mu.Lock()
	k.members = len(nodes)
	k.mu.Unlock()
	due := k.policy.shares / len(nodes)
	if rank, _ := slices.BinarySearch(nodes, store.Key(k.policy.node)); rank < k.policy.shares%len(nodes) {
		due++
	}
	k.giveBack(ctx, due)
	if k.take(ctx, due) && ok {
		k.client.mend()
	}
}

// renew renews all shares, and reports whether the store has answered.
func (k *keeper) renew(ctx context.Context) bool {
	ok := true
	for share, lease := range k.held {
		err := k.client.call(ctx, lease.Renew)
		switch {
		case err == nil:
			k.set(share, lease.Left())
		case errors.Is(err, store.ErrLost):
			delete(k.held, share)
			k.set(share, 0)
		default:
			ok = false
		}
		if !ok {
			return false // the other leases may still be renewed at the next step
		}
	}
	return ok
}

// tell writes the node's own entry to the store.
func (k *keeper) tell(ctx context.Context, state string) bool {
	key := k.folder() + store.Key(k.policy.node)
	err := k.client.call(ctx, func(ctx context.Context) error {
		e, err := k.client.store.Load(ctx, key)
		if err == nil {
			_, err = k.client.store.CompareAndSet(ctx, key, e.Revision, []byte(state), k.policy.term)
		}
		return err
	})
	return err == nil || answers(err)
}

// nodes returns the names of the nodes that take part, this one included, in order.
func (k *keeper) nodes(ctx context.Context) ([]string, bool) {
	var all []store.Entry
	err := k.client.call(ctx, func(ctx context.Context) (err error) {
		all, err = k.client.store.List(ctx, k.folder())
		return err
	})
	if err != nil {
		return nil, false
	}
	mine := store.Key(k.policy.node)
	nodes := []string{mine}
	for _, e := range all {
		name := e.Key[len(k.folder()):]
		if name != mine && string(e.Value) == present && e.Age < k.policy.term {
			nodes = append(nodes, name)
		}
	}
	slices.Sort(nodes)
	return nodes, true
}

// giveBack gives back the shares beyond due. It lowers the node's rate first.
func (k *keeper) giveBack(ctx context.Context, due int) {
	for share, lease := range k.held {
		if len(k.held) <= due {
			return
		}
		delete(k.held, share)
		k.set(share, 0)
		_ = k.client.call(ctx, lease.Release)
	}
}

// take takes free shares until the node has due of them. It reports whether the store has answered.
func (k *keeper) take(ctx context.Context, due int) bool {
	for _, share := range rand.Perm(k.policy.shares) {
		if len(k.held) >= due {
			return true
		}
		if k.held[share] != nil {
			continue
		}
		var lease *store.Lease
		err := k.client.call(ctx, func(ctx context.Context) (err error) {
			lease, err = store.Acquire(ctx, k.client.store, k.shareKey(share), k.policy.node, k.policy.term)
			return err
		})
		switch {
		case err == nil:
			k.held[share] = lease
			k.set(share, lease.Left())
		case !answers(err):
			return false
		}
	}
	return true
}

// leave gives back all shares.
func (k *keeper) leave(ctx context.Context) {
	k.giveBack(ctx, 0)
	k.tell(ctx, left)
}

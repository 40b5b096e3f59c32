package operator

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/internal/lineage"
	"github.com/weir-go/weir/internal/typed"
	"github.com/weir-go/weir/stages"
)

// Unique sends on the first of the items with equal keys, and settles the others with it. Use it
// to filter redeliveries: a queue delivers at least once, and the key is what stays the same,
// such as the ID of the message.
//
//	in:   --a--b--a-----a------------a-->
//	done: -----------a--b--
//	out:  --a--b---------------------a-->     the window has passed
//
// An item whose key is new passes. What happens to another item with that key depends on the
// first:
//   - While the first is in the flow, the repeat becomes a part of it. It is acknowledged with
//     the outcome of the first.
//   - After the first was delivered, dropped or dead-lettered, the repeat is dropped, as
//     filtered, for the time of the window. It is acknowledged as done.
//   - After the first has failed, or was handed back, the repeat passes, as a first one.
//
// The order is kept. Unique remembers [stages.DefaultKept] keys of items that are done, or as
// many as [stages.Capacity] says, and forgets the oldest first. What it remembers belongs to one
// run. To share one result among equal items, use a Dedup layer. With Unique in a service, the
// caller of a repeat gets flow.ErrNoResult, or the failure of the first.
//
// A panic of key, a key that cannot be compared, or one that is not equal to itself fails the
// item.
func Unique[T any, K comparable](window time.Duration, key func(T) K, opts ...stages.UniqueOption) stages.Stage[T, T] {
	return &unique[T, K]{window, key, stages.Apply(opts...)}
}

type unique[T any, K comparable] struct {
	window   time.Duration
	key      func(T) K
	settings stages.Settings
}

// Validate implements [stages.Validator].
func (s *unique[T, K]) Validate() error {
	return errors.Join(needs(s.window <= 0, "window must be positive"), needs(s.key == nil, "key function is nil"), s.settings.Validate())
}

func (s *unique[T, K]) Run(ctx context.Context, in *stages.Inlet[T], out *stages.Outlet[T]) error {
	k, o := kernel.Of(in), kernel.OutletOf(out)
	n := k.Node()
	key := typed.Detached(n, stages.Lift(s.key))
	seen := &seenKeys[K]{window: s.window, most: s.settings.Capacity, of: map[K]*seenKey{}}
	if seen.most == 0 {
		seen.most = stages.DefaultKept
	}
	for v, m, ok := typed.Next[T](k); ok; v, m, ok = typed.Next[T](k) {
		var of K
		err := n.Protect(func() (err error) {
			if of, err = key(ctx, v); err == nil {
				err = typed.CheckKey(of)
			}
			return err
		})
		if err != nil {
			k.Fail(m, v, err)
			continue
		}
		switch first, repeat := seen.take(k, &m, of); {
		case first != nil:
			m = k.Watch(m, func(err error) { seen.settle(of, first, err) })
			typed.Send(o, &m, v)
		case !repeat:
			k.Drop(m)
		}
	}
	return nil
}

// seenKeys has the keys that a Unique remembers.
type seenKeys[K comparable] struct {
	window time.Duration
	most   int // largest number of keys in done

	mu   sync.Mutex // Guarded by: mu, all fields below. Must not: be held while an item is settled.
	of   map[K]*seenKey
	done typed.FIFO[doneKey[K]] // by the time at which they were done
}

// seenKey is a key whose item is in the flow or was done.
type seenKey struct {
	done    bool
	repeats []*lineage.Receipt // of repeats that wait for the outcome
}

// doneKey is a key that is remembered until its window ends.
type doneKey[K comparable] struct {
	key   K
	until time.Time
}

// take decides about an item. If it is the first of its key, take returns its new seenKey. If an
// equal item is in the flow, take accounts for the repeat. Otherwise an equal item was done: both
// results are zero.
func (s *seenKeys[K]) take(in *kernel.Inlet, m *kernel.Meta, key K) (first *seenKey, repeat bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	have := s.of[key]
	switch {
	case have == nil:
		first = &seenKey{}
		s.of[key] = first
	case !have.done:
		repeat = true
		if r := in.Yield(*m); r != nil {
			have.repeats = append(have.repeats, r)
		}
	}
	return first, repeat
}

// forget forgets the keys whose window has passed, and the oldest keys if there are too many.
func (s *seenKeys[K]) forget(now time.Time) {
	for s.done.Len() > 0 && (s.done.Len() > s.most || !s.done.First().until.After(now)) {
		delete(s.of, s.done.Pop().key)
	}
}

// settle records the outcome of the first item of a key, and settles its repeats.
func (s *seenKeys[K]) settle(key K, first *seenKey, err error) {
	s.mu.Lock()
	repeats := first.repeats
	first.repeats, first.done = nil, err == nil
	if first.done {
		now := time.Now()
		s.done.Push(doneKey[K]{key, now.Add(s.window)})
		s.forget(now)
	} else {
		delete(s.of, key)
	}
	s.mu.Unlock()
	for _, r := range repeats {
		r.Close(err)
	}
}

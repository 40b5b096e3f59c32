package typed

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/kernel"
)

// errKey says why a key cannot be used.
var errKey = errors.New("key is not equal to itself")

// Keys numbers the keys of items.
//
// Owner: the goroutine of the stage.
type Keys interface {
	// Of returns the number of the key of the item at place i of b. Equal keys have the same
	// number. Of calls user code.
	Of(b *handoff.Batch, i int) (key int32, err error)
	// Forget frees a number for another key.
	Forget(key int32)
}

// CheckKey returns an error if k cannot be the key of an item. A key must be equal to itself,
// unlike a NaN, and must be hashable, unlike an interface that holds a slice.
func CheckKey[K comparable](k K) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("key cannot be hashed: %v", p)
		}
	}()
	if k != k { //nolint:staticcheck // a NaN; and it panics if it cannot be compared
		return errKey
	}
	return nil
}

// numbers gives a number to each key in use.
type numbers[K comparable] struct {
	of   map[K]int32
	all  []K // by number
	free []int32
}

// number returns the number of a key.
func (n *numbers[K]) number(key K) (int32, error) {
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	i, ok := n.of[key]
	if !ok {
		i = n.add(key)
	}
	return i, nil
}

func (n *numbers[K]) add(key K) int32 {
	i := int32(len(n.all))
	if f := len(n.free); f > 0 {
		i = n.free[f-1]
		n.free = n.free[:f-1]
		n.all[i] = key
	} else {
		n.all = append(n.all, key)
	}
	n.of[key] = i
	return i
}

// Forget implements [Keys].
func (n *numbers[K]) Forget(i int32) {
	var none K
	delete(n.of, n.all[i])
	n.all[i] = none
	n.free = append(n.free, i)
}

// keys numbers the keys that a function returns; see [Keys].
type keys[T any, K comparable] struct {
	*numbers[K]
	key func(T) K
}

// NewKeys numbers the keys that key returns.
func NewKeys[T any, K comparable](key func(T) K) Keys {
	return &keys[T, K]{&numbers[K]{of: map[K]int32{}}, key}
}

// NewCommonKeys numbers the keys that two functions return. Equal keys have one number.
func NewCommonKeys[A, B any, K comparable](keyA func(A) K, keyB func(B) K) (a, b Keys) {
	all := &numbers[K]{of: map[K]int32{}}
	return &keys[A, K]{all, keyA}, &keys[B, K]{all, keyB}
}

// Of implements [Keys].
func (k *keys[T, K]) Of(b *handoff.Batch, i int) (int32, error) {
	return k.number(k.key(Values[T](b)[i]))
}

// NewDetachedKeys is NewKeys for a node whose key function the run can leave behind, as a call.
func NewDetachedKeys[T any, K comparable](n *kernel.Node, key func(T) K) Keys {
	if !n.Run().Detached() {
		return NewKeys(key)
	}
	return &detachedKeys[T, K]{&numbers[K]{of: map[K]int32{}}, n, Detached(n, func(_ context.Context, v T) (K, error) { return key(v), nil })}
}

type detachedKeys[T any, K comparable] struct {
	*numbers[K]
	node *kernel.Node
	key  func(context.Context, T) (K, error)
}

// Of implements [Keys].
func (k *detachedKeys[T, K]) Of(b *handoff.Batch, i int) (int32, error) {
	key, err := k.key(k.node.Run().Ctx, Values[T](b)[i])
	if err != nil {
		return 0, err
	}
	return k.number(key)
}

// KeyOf is a key function as a stage's option holds it.
type KeyOf[T any] interface {
	// Keys returns a numbering of the keys.
	Keys() Keys
	// Takes pins the type of the items.
	Takes(T)
}

// KeyFunc is a [KeyOf].
type KeyFunc[T any, K comparable] func(T) K

// Keys implements [KeyOf].
func (f KeyFunc[T, K]) Keys() Keys { return NewKeys(f) }

// Takes implements [KeyOf].
func (f KeyFunc[T, K]) Takes(T) {}

// String returns the type of the key function.
func (f KeyFunc[T, K]) String() string { return fmt.Sprintf("%T", (func(T) K)(f)) }

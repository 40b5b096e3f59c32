package fleet

import (
	"encoding/json"
	"errors"

	"github.com/weir-go/weir/primitives/dedup"
)

// Codec is how a [Dedup] writes its keys and values down. The zero Codec is good
// for keys that are strings and values that encoding/json can write and read.
// Its functions are called without a lock, by many goroutines at once; one that
// panics does so in the call of [Dedup.Do].
type Codec[K comparable, V any] struct {
	// Key returns the name of a key. It must be the same in every process, and
	// another for every other key: one made by fmt.Sprint rarely is. It may be any
	// string. Nil is for keys of type string, which are their own names.
	Key func(K) string
	// Encode writes a value down. Nil is json.Marshal.
	Encode func(V) ([]byte, error)
	// Decode reads what Encode has written, perhaps an older version of it, and
	// returns an error for what it cannot read. Nil is json.Unmarshal.
	Decode func([]byte) (V, error)
	// Hooks are what the local deduplicator asks about values, see [dedup.New].
	Hooks dedup.Hooks[V]
}

// completed returns c with its defaults. There is none for Key where K is
// anything but string.
func (c Codec[K, V]) completed() (Codec[K, V], error) {
	if c.Key == nil {
		own, ok := any(func(name string) string { return name }).(func(K) string)
		if !ok {
			return c, errors.New("the codec has no Key, and the keys are not of type string")
		}
		c.Key = own
	}
	if c.Encode == nil {
		c.Encode = func(v V) ([]byte, error) { return json.Marshal(v) }
	}
	if c.Decode == nil {
		c.Decode = func(b []byte) (v V, err error) {
			err = json.Unmarshal(b, &v)
			return v, err
		}
	}
	return c, nil
}

// hooks are those of c for the copies that the local deduplicator keeps.
func (c Codec[K, V]) hooks() (h dedup.Hooks[local[V]]) {
	if clone := c.Hooks.Clone; clone != nil {
		h.Clone = func(l local[V]) local[V] {
			l.value = clone(l.value)
			return l
		}
	}
	if weigh := c.Hooks.Weigh; weigh != nil {
		h.Weigh = func(l local[V]) int64 { return weigh(l.value) }
	}
	return h
}

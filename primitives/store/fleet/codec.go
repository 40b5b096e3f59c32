package fleet

import (
	"encoding/json"
	"errors"

	"github.com/weir-go/weir/primitives/dedup"
)

// Codec turns the keys and values of a [Dedup] into bytes. The zero Codec is for keys that
// are strings and values that encoding/json can write and read. Its functions are called
// without a lock, by many goroutines at once. A panic propagates in the call of [Dedup.Do].
type Codec[K comparable, V any] struct {
	// Key returns the name of a key, which may be any string. It must be the same in
	// every process, and different for different keys: fmt.Sprint rarely is. Nil is for
	// keys of type string, which are their own names.
	Key func(K) string
	// Encode turns a value into bytes. Nil is json.Marshal.
	Encode func(V) ([]byte, error)
	// Decode reads what Encode, or an older version of it, has written. It returns an
	// error for what it cannot read. Nil is json.Unmarshal.
	Decode func([]byte) (V, error)
	// Hooks tell the local deduplicator about values, see [dedup.New].
	Hooks dedup.Hooks[V]
}

// completed returns c with its defaults. Key has one only if K is string.
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

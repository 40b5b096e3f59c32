package dedup

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
)

// exactBelow is the smallest cap that is divided between shards. Each shard has room
// for at least half of it: with less room their shares would be too uneven.
const exactBelow = 2048

// mostShards is more than any machine needs.
const mostShards = 1 << 12

// divide makes the shards. Their number is a power of two, so that the upper
// bits of a hash choose one.
func (d *Dedup[K, V]) divide() {
	n := max(4*runtime.GOMAXPROCS(0), 16)
	if d.policy.shards > 0 {
		n = min(d.policy.shards, mostShards)
	}
	n = 1 << bits.Len(uint(n-1))
	limit := d.policy.entries
	if d.policy.weight > 0 {
		n = 1
	}
	if !d.policy.unbounded {
		for n > 1 && limit/n < exactBelow/2 {
			n /= 2
		}
	}
	d.shift = 64 - uint(bits.TrailingZeros(uint(n)))
	d.shards = make([]shard[K, V], n)
	for i := range d.shards {
		share := limit / n
		if i < limit%n {
			share++
		}
		d.shards[i].worth = worth / n
		// The generations of two deduplicators begin at unrelated numbers, so that
		// the token of one does not act on a flight of the other.
		d.shards[i].init(uint32(i), share, d.policy, rand.Uint64())
	}
}

// shard returns the shard of the hash h. With a single shard the shift is 64, which
// leaves 0.
func (d *Dedup[K, V]) shard(h uint64) *shard[K, V] { return &d.shards[h>>d.shift] }

// hash returns the hash of key, and false for a key that cannot be hashed or is not
// equal to itself. It is called before any lock is taken.
func (d *Dedup[K, V]) hash(key K) (uint64, bool) {
	if d.plain {
		return maphash.Comparable(d.seed, key), true
	}
	return d.guarded(key)
}

// guarded hashes a key of any kind. If hashing panics, ok is false, and so it is for a
// deduplicator that cannot be used.
func (d *Dedup[K, V]) guarded(key K) (h uint64, ok bool) {
	if d.shards == nil {
		return 0, false
	}
	defer func() { _ = recover() }()
	return maphash.Comparable(d.seed, key), key == key
}

// refusal returns the error for a key that hash refuses.
func (d *Dedup[K, V]) refusal(key K) (err error) {
	if err := d.Err(); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			why := strings.TrimPrefix(fmt.Sprint(p), "runtime error: ")
			err = d.named(fmt.Errorf("%w: %s", ErrKey, why))
		}
	}()
	maphash.Comparable(d.seed, key)
	return d.named(fmt.Errorf("%w: it is not equal to itself", ErrKey))
}

// mayFail reports whether a key of type t can be one that hash refuses.
func mayFail(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return true
	case reflect.Array:
		return mayFail(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if mayFail(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

package dedup

import (
	"hash/maphash"
	"math/bits"
	"reflect"
	"runtime"
)

// exactBelow is the cap from which on results are divided between shards, each
// with room for at least half of it: fewer would make their shares too uneven.
const exactBelow = 2048

// mostShards is a limit that no machine needs.
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
		// The generations of two deduplicators begin at unrelated places, so
		// that the token of one does not act on a flight of the other.
		var h maphash.Hash
		h.SetSeed(d.seed)
		h.WriteByte(byte(i))
		d.shards[i].worth = worth / n
		d.shards[i].init(uint32(i), share, d.policy, h.Sum64())
	}
}

// shard returns the shard of the hash h. A shift by 64, of a single shard,
// leaves 0.
func (d *Dedup[K, V]) shard(h uint64) *shard[K, V] { return &d.shards[h>>d.shift] }

// hash returns the hash of key, and false for one that has none.
func (d *Dedup[K, V]) hash(key K) (uint64, bool) {
	if d.guess {
		return guarded(d.seed, key)
	}
	return maphash.Comparable(d.seed, key), true
}

// guarded hashes a key that may hold an interface, and in it a value that cannot
// be compared. It is called before any lock is taken.
func guarded[K comparable](seed maphash.Seed, key K) (h uint64, ok bool) {
	defer func() { ok = recover() == nil }()
	return maphash.Comparable(seed, key), true
}

// mayPanic reports whether a K can hold an interface.
func mayPanic[K comparable]() bool { return holdsInterface(reflect.TypeFor[K]()) }

func holdsInterface(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array:
		return holdsInterface(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsInterface(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

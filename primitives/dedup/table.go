package dedup

import (
	"math/bits"
	"slices"
)

// table finds entries by the hash of their key. It is a slab of entries and an open-
// addressing index in buckets. It is not a map, for four reasons:
//
//   - A key is hashed once, for the shard and for the place in it.
//   - An entry is referred to by a number of 4 bytes, which the garbage collector does
//     not follow.
//   - An entry is removed by that number, without a look at its key.
//   - A table can shrink.
//
// The entries stand apart from the index, although a hit among many entries then misses
// the cache twice. The index for the default cap is so small that it stays in the cache,
// and entries are taken, kept and evicted in sequence. With the entries in the index,
// hits among a million keys were a quarter cheaper, and each new key that evicts another
// was dearer by more than half.
type table[K comparable, V any] struct {
	buckets []bucket
	mask    uint32
	number  uint32 // the bits of bucket.at that are the number of an entry
	entries []entry[K, V]
	free    uint32 // the entry to be used next, or 0
	used    int
	room    int // the index grows beyond this
}

// bucket is a part of the index, half a cache line. Each of the six lower bytes of tags
// is 0 or a part of the hash of the entry that at names. It tells whether to look at that
// entry. The upper bits of at, which no entry's number needs, are more bits of the hash:
// a look at the wrong entry is a wait for memory.
//
// The rest of tags counts the entries that went past the bucket because it was full, and
// so tells whether to look further. It takes the place of tombstones: an entry that is
// removed leaves nothing behind. (The tags are those of Abseil's SwissTable, the count is
// that of Folly's F14.)
type bucket struct {
	tags uint64
	at   [width]uint32
}

// entry is a key that is in flight, or has a result, or both while the result is being
// renewed. The entries with a result form a ring, in the order in which they were kept.
// Entry 0 closes the ring: its next is the oldest. With small keys and values an entry
// fits a cache line.
type entry[K comparable, V any] struct {
	key   K
	value V
	// expires tells what is kept. 0 is nothing. Above 0 it is a value that is gone from
	// then on. Below 0 it is an error that is gone from -expires on.
	expires    int64
	flight     uint32 // of the key, or 0
	hash       uint32
	prev, next uint32 // next also chains the free entries
}

// doubled is the size up to which a slab of entries doubles. By themselves slices of this
// size grow by a quarter, and the copies are a fifth of the cost to fill one.
const doubled = 1 << 17

const (
	width = 6

	ones  = 0x01_01_01_01_01_01
	highs = 0x80 * ones
	past  = 1 << (8 * width)
	full  = 1<<16 - 1 // a count that reaches it stays there
)

// tagOf is the part of a hash that the index holds, with the high bit set. The bits of
// the tag, of the bucket and of the shard are different ones.
func tagOf(hash uint32) uint64 { return uint64(hash>>25 | 0x80) }

// match returns the high bits of the bytes of tags that are tag. The byte above such a
// byte can match by mistake, unless it is 0.
func match(tags, tag uint64) uint64 {
	x := tags ^ tag*ones
	return (x - ones) &^ x & highs
}

// vacant returns the high bits of the bytes of tags that are 0.
func vacant(tags uint64) uint64 { return ^tags & highs }

// first returns the byte of the lowest bit of m.
func first(m uint64) int { return bits.TrailingZeros64(m) >> 3 }

// reset makes an empty table with room for entries.
func (t *table[K, V]) reset(entries int) {
	*t = table[K, V]{entries: make([]entry[K, V], 1, entries+1)}
	t.size(entries)
}

// size makes an empty index with room for entries.
func (t *table[K, V]) size(entries int) {
	n := 1
	for n*9/2 < entries { // of 6: then one bucket in six is passed by
		n *= 2
	}
	t.buckets, t.mask, t.room = make([]bucket, n), uint32(n-1), n*9/2
	t.number = uint32(8*n - 1)
}

// find returns the entry of key, or 0.
func (t *table[K, V]) find(hash uint32, key K) uint32 {
	tag, home := tagOf(hash), hash&t.mask
	for at := home; ; {
		b := &t.buckets[at]
		for m := match(b.tags, tag); m != 0; m &= m - 1 {
			at := b.at[first(m)]
			if (at^hash)&^t.number != 0 {
				continue
			}
			if i := at & t.number; t.entries[i].key == key {
				return i
			}
		}
		at = (at + 1) & t.mask
		if b.tags < past || at == home {
			return 0
		}
	}
}

// add takes an entry for a key that has none.
func (t *table[K, V]) add(hash uint32, key K) uint32 {
	if t.used >= t.room {
		t.grow()
	}
	i := t.free
	if i != 0 {
		t.free = t.entries[i].next
	} else {
		i = uint32(len(t.entries))
		if n := len(t.entries); n == cap(t.entries) && n <= doubled {
			t.entries = slices.Grow(t.entries, n)
		}
		t.entries = append(t.entries, entry[K, V]{})
	}
	e := &t.entries[i]
	e.key, e.hash = key, hash
	t.insert(hash, i)
	return i
}

func (t *table[K, V]) insert(hash, i uint32) {
	t.used++
	for at := hash & t.mask; ; at = (at + 1) & t.mask {
		b := &t.buckets[at]
		if m := vacant(b.tags); m != 0 {
			n := first(m)
			b.tags |= tagOf(hash) << (8 * n)
			b.at[n] = i | hash&^t.number
			return
		}
		if b.tags < full*past { // otherwise the count stays
			b.tags += past
		}
	}
}

// remove frees an entry, and keeps neither its key nor its value alive.
func (t *table[K, V]) remove(i uint32) {
	hash := t.entries[i].hash
	t.entries[i] = entry[K, V]{next: t.free}
	t.free = i
	t.used--
	for at := hash & t.mask; ; at = (at + 1) & t.mask {
		b := &t.buckets[at]
		for m := match(b.tags, tagOf(hash)); m != 0; m &= m - 1 {
			if n := first(m); b.at[n]&t.number == i {
				b.tags &^= 0xff << (8 * n)
				return
			}
		}
		if b.tags < full*past {
			b.tags -= past
		}
	}
}

// grow doubles the index.
func (t *table[K, V]) grow() {
	old := *t
	t.size(2 * t.room)
	t.used = 0
	for i := range old.buckets {
		b := &old.buckets[i]
		for m := ^vacant(b.tags) & highs; m != 0; m &= m - 1 {
			i := b.at[first(m)] & old.number
			t.insert(t.entries[i].hash, i)
		}
	}
}

package dedup

import "math/bits"

// table finds entries by the hash of their key. It is an open-addressing hash
// table in groups of seven, and not a map, for four reasons: a key is hashed
// once, for the shard and the place in it; an entry stays where it is until the
// table grows, so that tokens and the queue refer to it by a number; an entry is
// removed by that number, also where its key is not equal to itself, as a NaN
// is; and a table can shrink.
//
// Each group has a word of eight bytes: the tags of its entries, 0 where there is
// none, and in the top byte how many entries had to go past the group because
// it was full. So one word, from an array small enough to stay in the cache,
// says which entry to look at and whether to look further; the entry is the one
// access that misses the cache where there are many. The count takes the place
// of tombstones: a removed entry leaves nothing behind. (The tags are those of
// Abseil's SwissTable, the count that of Folly's F14.)
type table[K comparable, V any] struct {
	ctrl    []uint64
	entries []entry[K, V] // width to a group
	mask    uint32        // of the groups
	used    int
	room    int // the table grows beyond this
}

// entry is a key that is in flight, or has a result, or both where the result is
// being renewed. With small keys and values it is half a cache line.
type entry[K comparable, V any] struct {
	key   K
	value V
	// expires tells what is kept: nothing where it is 0, a value that is gone
	// from then on, or, below 0, an error that is gone from -expires on.
	expires int64
	ref     uint32 // the place in the queue, or, with inFlight, a flight that knows it
	hash    uint32 // its lower half, which chooses the group
}

const (
	width = 7
	none  = ^uint32(0)

	ones  = 0x01_01_01_01_01_01_01
	lows  = 0x7f * ones
	highs = 0x80 * ones
	past  = 56 // where the count of a word begins
	full  = 255
)

// tagOf is the part of a hash that a word holds. It has nothing in common with
// the bits that choose the shard and the group.
func tagOf(h uint64) byte { return max(byte(h>>32), 1) }

// match returns the high bit of each of the seven lower bytes of word that is tag.
func match(word uint64, tag byte) uint64 {
	x := word ^ uint64(tag)*ones
	return ^((x&lows + lows) | x) & highs
}

// reset makes an empty table with room for entries.
func (t *table[K, V]) reset(entries int) {
	n := 1
	for n*11/2 < entries { // 5.5 of 7: then one group in six is passed by
		n *= 2
	}
	*t = table[K, V]{
		ctrl:    make([]uint64, n),
		entries: make([]entry[K, V], n*width),
		mask:    uint32(n - 1),
		room:    n * 11 / 2,
	}
}

// find returns the place of key, none where there is none.
func (t *table[K, V]) find(h uint64, key K) uint32 {
	tag, home := tagOf(h), uint32(h)&t.mask
	for g := home; ; {
		word := t.ctrl[g]
		for m := match(word, tag); m != 0; m &= m - 1 {
			i := g*width + uint32(bits.TrailingZeros64(m))>>3
			if t.entries[i].key == key {
				return i
			}
		}
		g = (g + 1) & t.mask
		if word>>past == 0 || g == home {
			return none
		}
	}
}

// place takes a place for an entry. There must be room.
func (t *table[K, V]) place(hash uint32, tag byte) uint32 {
	for g := hash & t.mask; ; g = (g + 1) & t.mask {
		word := &t.ctrl[g]
		if free := match(*word, 0); free != 0 {
			i := uint32(bits.TrailingZeros64(free)) >> 3
			*word |= uint64(tag) << (8 * i)
			t.used++
			return g*width + i
		}
		if *word>>past != full { // or else it has lost count, and stays
			*word += 1 << past
		}
	}
}

// remove frees a place and lets go of what was there.
func (t *table[K, V]) remove(i uint32) {
	at := i / width
	for g := t.entries[i].hash & t.mask; g != at; g = (g + 1) & t.mask {
		if t.ctrl[g]>>past != full {
			t.ctrl[g] -= 1 << past
		}
	}
	t.ctrl[at] &^= 0xff << (8 * (i % width))
	t.entries[i] = entry[K, V]{}
	t.used--
}

package dedup

// table finds slots by the tag of their key. It is an open-addressing hash table
// with linear probing, and not a map, for three reasons: a key is hashed once,
// for the shard and the place in it; an entry is removed by its slot, also where
// its key is not equal to itself, as a NaN is; and a table can shrink.
type table struct {
	cells []uint64 // tag<<32 | slot; 0 is empty, as no entry has slot 0
	mask  uint32
	used  int
}

const minCells = 16

func (t *table) reset(entries int) {
	n := minCells
	for n*5 < entries*8 {
		n *= 2
	}
	*t = table{cells: make([]uint64, n), mask: uint32(n - 1)}
}

// insert adds a slot. At a load of 5/8 the table doubles.
func (t *table) insert(tag, slot uint32) {
	if (t.used+1)*8 > len(t.cells)*5 {
		old := t.cells
		t.reset(max(2*t.used, minCells/2))
		for _, c := range old {
			if c != 0 {
				t.put(c)
			}
		}
	}
	t.put(uint64(tag)<<32 | uint64(slot))
}

func (t *table) put(cell uint64) {
	i := uint32(cell>>32) & t.mask
	for t.cells[i] != 0 {
		i = (i + 1) & t.mask
	}
	t.cells[i] = cell
	t.used++
}

// remove takes an entry out, and moves back those that it had pushed on, so that
// there are no tombstones for others to step over.
func (t *table) remove(tag, slot uint32) {
	cell := uint64(tag)<<32 | uint64(slot)
	hole := tag & t.mask
	for t.cells[hole] != cell {
		hole = (hole + 1) & t.mask
	}
	for i := (hole + 1) & t.mask; t.cells[i] != 0; i = (i + 1) & t.mask {
		home := uint32(t.cells[i]>>32) & t.mask
		if (i-home)&t.mask >= (i-hole)&t.mask { // home is not between hole and i
			t.cells[hole] = t.cells[i]
			hole = i
		}
	}
	t.cells[hole] = 0
	t.used--
}

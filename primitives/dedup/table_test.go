package dedup

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzTable compares the index with a map. The tags are few and close together,
// also at the wrap, so that entries push each other on and share whole tags.
func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 251, 252, 1, 1, 1, 129, 130})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var tab table
		tab.reset(0)
		tags := map[uint32]uint32{}
		next := uint32(1)
		var live []uint32
		for _, op := range ops {
			if op < 160 || len(live) == 0 {
				tag := uint32(op%20) - 10
				tab.insert(tag, next)
				tags[next] = tag
				live = append(live, next)
				next++
			} else {
				i := int(op) % len(live)
				tab.remove(tags[live[i]], live[i])
				delete(tags, live[i])
				live = append(live[:i], live[i+1:]...)
			}
			require.Equal(t, len(live), tab.used)
			for slot, tag := range tags {
				require.True(t, reachable(&tab, tag, slot))
			}
		}
	})
}

// reachable reports whether a search for tag comes by slot before it gives up.
func reachable(t *table, tag, slot uint32) bool {
	for i := tag & t.mask; t.cells[i] != 0; i = (i + 1) & t.mask {
		if t.cells[i] == uint64(tag)<<32|uint64(slot) {
			return true
		}
	}
	return false
}

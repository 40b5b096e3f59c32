package dedup

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzTable compares the table with a map. The hashes are few and close together,
// also at the wrap, so that groups overflow into each other and share whole tags.
func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 251, 252, 1, 1, 1, 129, 130})
	churn := make([]byte, 1000)
	for i := range churn {
		churn[i] = byte(i*i*31 + i)
	}
	f.Add(churn)
	f.Fuzz(func(t *testing.T, ops []byte) {
		var tab table[uint32, int]
		tab.reset(0)
		hashes, places := map[uint32]uint32{}, map[uint32]uint32{}
		next := uint32(1)
		var live []uint32
		for _, op := range ops {
			if op < 160 || len(live) == 0 {
				h := uint32(op%4)<<25 + uint32(op%5) - 3
				hashes[next], places[next] = h, tab.add(h, next)
				live = append(live, next)
				next++
			} else {
				n := int(op) % len(live)
				key := live[n]
				tab.remove(places[key])
				require.Zero(t, tab.find(hashes[key], key), "removed")
				delete(hashes, key)
				live = append(live[:n], live[n+1:]...)
			}
			require.Equal(t, len(live), tab.used)
			for key, h := range hashes {
				require.Equal(t, places[key], tab.find(h, key))
			}
		}
		for key := range hashes {
			tab.remove(places[key])
		}
		for _, b := range tab.buckets {
			require.Zero(t, b.tags, "nothing stays behind")
		}
		for i := range tab.entries {
			require.Zero(t, tab.entries[i].key, "nor in the slab")
		}
	})
}

// An entry that went past a bucket is found whatever has left that bucket since.
func TestTableFindsWhatWentPast(t *testing.T) {
	var tab table[int, int]
	tab.reset(0)
	var at []uint32
	for key := range 500 { // all at home in one bucket, with one tag
		at = append(at, tab.add(5, key))
	}
	for key, i := range at {
		require.Equal(t, i, tab.find(5, key))
		tab.remove(i)
		require.Zero(t, tab.find(5, key))
	}
	require.Zero(t, tab.find(6, 0))
}

// Checklist row 24: the cost of a hit does not grow with the entries. It is told in
// buckets, of which one is half a cache line: see BenchmarkHit for the time.
func TestChecklist24HitCostDoesNotGrow(t *testing.T) {
	for _, n := range []int{100, 100_000} {
		var tab table[int, struct{}]
		tab.reset(0)
		dice := rand.New(rand.NewPCG(1, 2))
		for key := range n {
			tab.add(dice.Uint32(), key)
		}
		sum := 0
		for i := range tab.entries[1:] {
			sum += visited(&tab, uint32(i+1))
		}
		require.Less(t, float64(sum)/float64(n), 1.5)
	}
}

// visited is how many buckets are looked at to find entry i.
func visited[K comparable, V any](t *table[K, V], i uint32) (n int) {
	for at := t.entries[i].hash & t.mask; ; at = (at + 1) & t.mask {
		n++
		for b := range width {
			if t.buckets[at].tags>>(8*b)&0xff != 0 && t.buckets[at].at[b]&t.number == i {
				return n
			}
		}
	}
}

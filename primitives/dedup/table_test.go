package dedup

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzTable compares the table with a map. The hashes are few and close together,
// also at the wrap, so that groups overflow into each other and share whole tags.
func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 251, 252, 1, 1, 1, 129, 130})
	churn := make([]byte, 4000)
	for i := range churn {
		churn[i] = byte(i*i*31 + i)
	}
	f.Add(churn)
	f.Fuzz(func(t *testing.T, ops []byte) {
		var tab table[uint32, int]
		tab.reset(60)
		hashes, places := map[uint32]uint64{}, map[uint32]uint32{}
		next := uint32(1)
		var live []uint32
		for _, op := range ops {
			if tab.used < tab.room && (op < 160 || len(live) == 0) {
				h := uint64(op%4)<<32 | uint64(uint32(op%5)-3)
				i := tab.place(uint32(h), tagOf(h))
				tab.entries[i].key, tab.entries[i].hash = next, uint32(h)
				hashes[next], places[next] = h, i
				live = append(live, next)
				next++
			} else {
				n := int(op) % len(live)
				key := live[n]
				tab.remove(places[key])
				require.Equal(t, none, tab.find(hashes[key], key), "removed")
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
		for _, word := range tab.ctrl {
			if word>>past != full { // it has not lost count
				require.Zero(t, word, "nothing stays behind")
			}
		}
	})
}

// A count that has reached the most that it can hold stays there, and what has
// gone past is found still.
func TestTableLosesCount(t *testing.T) {
	var tab table[int, int]
	tab.reset(2000)
	var places []uint32
	for key := range 500 { // all at home in one group
		i := tab.place(5, 1)
		tab.entries[i].key, tab.entries[i].hash = key, 5
		places = append(places, i)
	}
	for key, i := range places {
		require.Equal(t, i, tab.find(1<<32|5, key))
		tab.remove(i)
		require.Equal(t, none, tab.find(1<<32|5, key))
	}
	require.Equal(t, uint64(full), tab.ctrl[5]>>past)
}

func TestQueueCountsGapsAndWraps(t *testing.T) {
	var q queue
	q.reset(0, true)
	q.head, q.tail = inFlight-3, inFlight-3 // places wrap below the mark of a flight
	var places []uint32
	for i := range uint32(8) {
		require.False(t, q.full())
		places = append(places, q.push(i, int64(i), int64(i)))
	}
	require.True(t, q.full())
	require.EqualValues(t, 28, q.weight)
	q.drop(places[1])
	require.True(t, q.full(), "a gap in the middle takes room")
	q.drop(places[0])
	require.Equal(t, uint32(2), q.oldest().at, "the head is never a gap")
	require.Equal(t, []int{6, 6, 27}, []int{q.len(), q.live, int(q.weight)})
	for _, p := range places[2:] {
		q.drop(p)
	}
	require.Nil(t, q.oldest())
	require.Zero(t, q.weight)
}

package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzViewOrder feeds a view with news in any order, repeated and late, and one
// with only the newest of each key. They end in the same decision.
func FuzzViewOrder(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6}, []byte{5, 4, 3, 2, 1, 0})
	f.Add([]byte{0x81, 0x42, 0x23, 0xff}, []byte{0, 0, 3, 1, 1})
	f.Fuzz(func(t *testing.T, writes, order []byte) {
		if len(writes) > 100 || len(order) > 200 {
			return
		}
		news, newest := history(writes)
		const now = 100 * time.Second
		var mixed, sorted view
		tell := func(v *view, i int) {
			n := news[i]
			v.learn(n.key, n.key == "verdict", n.revision, n.record, now-n.at, now, false)
		}
		for _, i := range order {
			if int(i) < len(news) {
				tell(&mixed, int(i))
			}
		}
		for _, i := range newest { // what asking tells in the end
			tell(&mixed, i)
			tell(&sorted, i)
		}
		for later := now; later < now+time.Hour; later = later*3/2 + 1 {
			for quorum := 1; quorum < 4; quorum++ {
				require.Equal(t, sorted.opening(later, quorum), mixed.opening(later, quorum))
			}
			require.Equal(t, sorted.count(later), mixed.count(later))
		}
		require.Equal(t, sorted.epoch, mixed.epoch)
	})
}

// A verdict of an epoch that is over changes nothing, whatever its revision: it
// was written into a store that had lost the later ones.
func TestEpochsDoNotGoBack(t *testing.T) {
	var v view
	require.True(t, v.learn("verdict", true, 7, record{Epoch: 3, For: time.Minute}, 0, 0, false))
	require.False(t, v.learn("verdict", true, 9, record{Epoch: 1}, 0, 0, false))
	require.Equal(t, uint64(3), v.epoch)
	require.True(t, v.opening(0, 1).down)
	require.True(t, v.learn("verdict", true, 1, record{Epoch: 4}, 0, 0, false))
	require.False(t, v.opening(0, 1).down)
}

type written struct {
	key      string
	revision uint64
	at       time.Duration
	record   record
}

// history is what nodes may have written, one byte each: votes of three, and
// verdicts, which begin an epoch each. It returns the newest of each key, too.
func history(writes []byte) (all []written, newest []int) {
	last := map[string]int{}
	epoch := uint64(0)
	for i, b := range writes {
		w := written{key: string('a' + rune(b&3)), revision: uint64(i + 1), at: time.Duration(i) * time.Second}
		if b&3 == 3 {
			w.key = "verdict"
			epoch++
		}
		w.record = record{Epoch: epoch, For: time.Duration(b>>2) * 5 * time.Second}
		last[w.key] = len(all)
		all = append(all, w)
	}
	for _, key := range []string{"a", "b", "c", "verdict"} {
		if i, ok := last[key]; ok {
			newest = append(newest, i)
		}
	}
	return all, newest
}

// FuzzAgreed compares with the definition: look at every instant.
func FuzzAgreed(f *testing.F) {
	f.Add([]byte{0x15, 0x27, 0x39}, uint8(2))
	f.Add([]byte{0x15, 0x63}, uint8(2)) // one ends when the other begins
	f.Fuzz(func(t *testing.T, votes []byte, quorum uint8) {
		if len(votes) > 50 || quorum == 0 {
			return
		}
		var all []seen
		for _, b := range votes {
			from := time.Duration(b >> 4)
			all = append(all, seen{from: from, until: from + time.Duration(b&15)})
		}
		var until time.Duration
		ok := false
		for at := time.Duration(0); at < 32; at++ {
			n := 0
			for _, s := range all {
				if s.from <= at && at < s.until {
					n++
				}
			}
			if n >= int(quorum) {
				until, ok = at+1, true
			}
		}
		got, gotOK := agreed(all, int(quorum))
		require.Equal(t, ok, gotOK)
		require.Equal(t, until, got)
	})
}

// FuzzUnseal: nothing that is read panics, and what is accepted was sealed.
func FuzzUnseal(f *testing.F) {
	good, err := seal(record{versioned: versioned{wireVersion}, Epoch: 3, For: time.Second})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte("00000000"))
	f.Fuzz(func(t *testing.T, value []byte) {
		var r record
		if unseal(value, &r) == nil {
			require.Equal(t, wireVersion, r.Version)
		}
		var w work
		_ = unseal(value, &w)
	})
}

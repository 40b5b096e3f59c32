package breaker

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Flights against a list of beginnings.
func TestFlightsFollowAList(t *testing.T) {
	type departed struct {
		mark  uint64
		begun time.Duration
	}
	var f flights
	var list []departed
	var spent []uint64
	draw := rand.New(rand.NewPCG(1, 2))
	now := time.Duration(0)
	for range 20_000 {
		now += time.Duration(draw.IntN(3))
		switch n := draw.IntN(100); {
		case n < 50:
			list = append(list, departed{f.depart(now), now})
		case n < 95 && len(list) > 0:
			i := draw.IntN(len(list))
			begun, ok := f.arrive(list[i].mark)
			require.True(t, ok)
			require.Equal(t, list[i].begun, begun)
			spent = append(spent, list[i].mark)
			list = slices.Delete(list, i, i+1)
		case n < 99 && len(spent) > 0:
			_, ok := f.arrive(spent[draw.IntN(len(spent))])
			require.False(t, ok, "no flight arrives twice")
		case n == 99 && draw.IntN(50) == 0:
			f.clear()
			list, spent = nil, nil
		}
		late := 0
		for _, d := range list {
			if d.begun <= now-20 {
				late++
			}
		}
		require.Equal(t, late, f.overdue(now-20))
	}
	require.Less(t, cap(f.slab), 1000, "places are used again")
}

func TestMarksOfNoFlight(t *testing.T) {
	var f flights
	f.depart(0)
	for _, mark := range []uint64{0, 1, 2, 1<<32 | 2, 1<<64 - 1, 1 << 31, 2<<32 | 1} {
		_, ok := f.arrive(mark)
		require.False(t, ok, "%x", mark)
	}
	_, ok := f.arrive(1<<32 | 1)
	require.True(t, ok)
}

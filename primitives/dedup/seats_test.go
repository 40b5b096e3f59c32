package dedup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzSeats compares the seats with a map. There are never more places than there were
// followers at one time.
func FuzzSeats(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0x80, 4, 0x81, 0x80, 0x80, 5})
	f.Add([]byte{9, 9, 0x80, 9, 0x80, 0x80, 9, 9, 9, 0x81, 7})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var s seats
		var held []seat
		by := map[seat]time.Time{}
		most := 0
		for _, b := range steps {
			if b < 0x80 {
				when := time.Unix(int64(b), 0)
				at := s.take(when)
				require.NotEqual(t, noSeat, at)
				require.NotContains(t, by, at)
				held, by[at] = append(held, at), when
			} else if len(held) > 0 {
				i := int(b-0x80) % len(held)
				s.free(held[i])
				delete(by, held[i])
				held = append(held[:i], held[i+1:]...)
			}
			s.free(noSeat) // of a follower without a deadline
			var latest time.Time
			for _, when := range by {
				if when.After(latest) {
					latest = when
				}
			}
			most = max(most, len(held))
			require.Equal(t, latest, s.latest())
			require.Equal(t, len(held), s.taken)
			require.Len(t, s.places, most)
		}
	})
}

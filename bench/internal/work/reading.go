package work

import (
	"iter"
	"time"
)

// Keys is how many keys the readings have.
const Keys = 100

// Size is the size of a window, and PerWindow how many readings fall into one.
const (
	Size      = time.Second
	PerWindow = 1000
)

// Reading is an item with a key and a time of its own.
type Reading struct {
	Key, Value int
	At         time.Time
}

// Readings yields n readings with the values 0 to n-1, a millisecond apart. The
// keys take turns.
func Readings(n int) iter.Seq[Reading] {
	return func(yield func(Reading) bool) {
		begin := time.Unix(1_700_000_000, 0)
		for i := range n {
			at := begin.Add(time.Duration(i) * Size / PerWindow)
			if !yield(Reading{Key: i % Keys, Value: i, At: at}) {
				return
			}
		}
	}
}

// AddReadings is what a sink does with the readings of a window.
func (h *Haul) AddReadings(rs []Reading) {
	h.Groups++
	for _, r := range rs {
		h.Add(r.Value)
	}
}

// KeyOf returns the key of a reading.
func KeyOf(r Reading) int { return r.Key }

// TimeOf returns the time of a reading.
func TimeOf(r Reading) time.Time { return r.At }

package measure

import (
	"time"
)

const (
	// step is that of the series, and the window in which recovery is looked for.
	step = 100 * time.Millisecond
	// settled is when a run has found its pace.
	settled = 500 * time.Millisecond
	// recovered is the share of the successes before the outage that counts as
	// being back. It is not 1, because arrivals come by chance.
	recovered = 0.8
)

// series returns successes a second.
func series(bins []int32, width, elapsed time.Duration) []float64 {
	n := max(int(step/width), 1)
	var s []float64
	for i := 0; i+n <= len(bins) && time.Duration(i+n)*width <= elapsed; i += n {
		s = append(s, float64(sum(bins[i:i+n]))/(time.Duration(n)*width).Seconds())
	}
	return s
}

// recovery returns how long after the outage the first window ends, of those
// that begin in the outage or later, that has enough successes, in milliseconds.
func recovery(bins []int32, width time.Duration, o Outage) *float64 {
	n := max(int(step/width), 1)
	from, to := int(min(settled, o.At/2)/width), int(o.At/width)
	end := int((o.At + o.For) / width)
	if to <= from || end > len(bins) {
		return nil
	}
	enough := recovered * float64(sum(bins[from:to])) / float64(to-from) * float64(n)
	if enough == 0 {
		return nil // there is nothing to come back to
	}
	for i := end + 1; i <= len(bins); i++ {
		if float64(sum(bins[max(i-n, to):i])) >= enough {
			ms := float64((time.Duration(i-end) * width).Milliseconds())
			return &ms
		}
	}
	return nil
}

func sum(bins []int32) int {
	n := 0
	for _, b := range bins {
		n += int(b)
	}
	return n
}

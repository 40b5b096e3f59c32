package ack

import (
	"slices"
	"time"

	"github.com/weir-go/weir/stages"
)

// Partition is the state of a partition.
type Partition[K comparable, P any] struct {
	Key K
	// Open is how many positions are open: from the first that is not done to the
	// last that was begun.
	Open int
	// Unsettled is how many of them are still in the flow.
	Unsettled int
	// First is the first open position, and Since is when it began. They are zero if
	// none is open.
	First P
	Since time.Time
	// Full reports that there is no room in the window.
	Full bool
	// Err is why the partition is halted, nil if it is not.
	Err error
}

// Snapshot returns the partitions of which something is open, or that are halted. The
// one whose first position has been open for longest comes first.
//
// A partition that is full, and whose First stays the same, waits for one item: see
// [Commits] about windows.
func (c *Commits[K, P]) Snapshot() []Partition[K, P] {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Partition[K, P]
	for key, p := range c.parts {
		s := Partition[K, P]{Key: key, Open: len(p.open), Unsettled: p.unheard, Full: len(p.open) >= c.window(), Err: p.halt}
		if len(p.open) > 0 {
			s.First, s.Since = p.open[0].at, p.open[0].begun
		} else if p.halt == nil {
			continue
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Partition[K, P]) int { return a.Since.Compare(b.Since) })
	return all
}

// Health returns the health of a source that emits by c, for its
// [stages.HealthReporter]. The lag is not known. Unsettled counts positions, those of
// partitions that were given up included, for as long as they are in the flow.
func (c *Commits[K, P]) Health() stages.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return stages.Health{Unsettled: c.unsettled, Lag: -1, Err: c.err, At: c.at}
}

// Err returns why the first partition was halted, nil if none was.
func (c *Commits[K, P]) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

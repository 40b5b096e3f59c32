package flow

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// supply is the largest number of unsettled items below a node at a time. It is math.MaxInt if
// there is no bound, or if none is known.
type supply map[*node]int

// short returns an error if n would wait forever: it waits for more items than can come.
func (s supply) short(n *node) error {
	if n.holds <= 1 {
		return nil
	}
	most := s.into(n)
	if n.holds <= most {
		return nil
	}
	return fmt.Errorf("it waits for %s, but %s at most %d unsettled: make the batch smaller or the bound larger, or set a delay",
		count(n.holds, "item"), sources(n), most)
}

// into returns the supply of all inlets of n.
func (s supply) into(n *node) int {
	sum := 0
	for _, w := range n.ins {
		most := s.of(w.from)
		if most > math.MaxInt-sum {
			return math.MaxInt
		}
		sum += most
	}
	return sum
}

func (s supply) of(n *node) int {
	most, known := s[n]
	if known {
		return most
	}
	switch {
	case len(n.ins) > 0 && n.holds > 0:
		most = s.into(n)
	case len(n.ins) == 0 && n.bound > 0:
		most = n.bound
	default:
		most = math.MaxInt
	}
	s[n] = most
	return most
}

// sources returns the names of the sources above n, with the verb.
func sources(n *node) string {
	above := map[*node]bool{}
	n.climb(above)
	var names []string
	for m := range above {
		if len(m.ins) == 0 {
			names = append(names, fmt.Sprintf("%q", m.name))
		}
	}
	slices.Sort(names)
	if len(names) == 1 {
		return "source " + names[0] + " has"
	}
	return "sources " + strings.Join(names, ", ") + " have"
}

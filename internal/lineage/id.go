package lineage

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// seen counts, by name, what was published for the items of a receipt.
type seen struct {
	mu sync.Mutex
	of map[string]int
}

// leaves appends the receipts of sources that are part of r.
func (r *Receipt) leaves(to []*Receipt) []*Receipt {
	switch {
	case r.watches:
		return to
	case r.parts == nil:
		return append(to, r)
	}
	for _, p := range r.parts {
		to = p.leaves(to)
	}
	return to
}

func byID(a, b *Receipt) int { return strings.Compare(a.id, b.id) }

// joined returns the IDs of receipts, sorted. So the result does not depend on the order in which
// the items were joined.
func joined(all []*Receipt) string {
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.id
	}
	slices.Sort(ids)
	return strings.Join(ids, "+")
}

// ID returns the name that the source gave the item, empty if it gave none. alone reports that no
// other item has this ID.
func (t *Trail) ID() (id string, alone bool) {
	r := t.Receipt()
	if r == nil {
		return "", false
	}
	leaves := r.leaves(nil)
	if len(leaves) == 0 || slices.ContainsFunc(leaves, func(l *Receipt) bool { return l.id == "" }) {
		return "", false
	}
	id = joined(leaves)
	if len(leaves) > 1 {
		return id, false
	}
	if nth := t.peek().nth; nth > 0 {
		id += "#" + strconv.Itoa(int(nth))
	}
	return id, t.fork().From == nil
}

// Occurrence counts one publication under a name for the item, which must have an ID. It returns
// the count.
func (t *Trail) Occurrence(name string) int {
	r := slices.MinFunc(t.Receipt().leaves(nil), byID)
	s := r.seen.Load()
	if s == nil {
		r.seen.CompareAndSwap(nil, &seen{of: map[string]int{}})
		s = r.seen.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[name]++
	return s.of[name]
}

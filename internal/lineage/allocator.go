package lineage

// Allocator hands out trails. One goroutine uses it, and must call Retire at the end.
type Allocator struct {
	pool   *Pool
	slab   *Slab
	next   int
	forked bool // the last trail was that of a derived item
}

// NewAllocator returns an allocator for items of the run to which p belongs.
func NewAllocator(p *Pool) Allocator { return Allocator{pool: p} }

// Left returns how many trails the current slab has left, at least one.
func (a *Allocator) Left() int {
	if a.Spent() {
		a.slab, a.next, a.forked = a.pool.get(), 0, false
	}
	return SlabSize - a.next
}

// Spent reports whether the current slab has no more trails.
func (a *Allocator) Spent() bool { return a.slab == nil || a.next == SlabSize }

// New returns a trail for an item that entered the flow at born.
func (a *Allocator) New(born int64) *Trail {
	a.Left()
	if a.forked {
		a.forked = false
		a.slab.fork(Fork{first: a.next})
	}
	return a.Take(born)
}

// Take takes the next trail of the current slab, which must have one.
func (a *Allocator) Take(born int64) *Trail {
	s, i := a.slab, a.next
	a.next++
	s.born[i] = born
	return &s.trails[i]
}

// Fill hands out len(trails) trails of the current slab. There must be at most Left of them. The
// caller sets the times at which their items are born.
func (a *Allocator) Fill(trails []*Trail) {
	from := a.slab.trails[a.next:][:len(trails)]
	for i := range trails {
		trails[i] = &from[i]
	}
	a.next += len(trails)
}

// Child returns a trail that continues parent. The parent does not change.
func (a *Allocator) Child(parent *Trail) *Trail {
	a.Left()
	a.Branch(parent.ForkHere())
	t := a.Take(parent.Born())
	t.resemble(parent)
	return t
}

// Branch says that the next trails belong to items with the past f.
func (a *Allocator) Branch(f Fork) {
	f.From.slab.live.Add(1)
	f.first, a.forked = a.next, true
	a.slab.fork(f)
}

// Retire gives back the trails that were never handed out.
func (a *Allocator) Retire() {
	if !a.Spent() { // a slab without trails to hand out may have gone back to the pool already
		a.slab.drop(int32(SlabSize - a.next))
	}
	a.slab = nil
}

// ForkHere returns the past of an item that is derived now from the item of t.
func (t *Trail) ForkHere() Fork {
	t.slab.mu.Lock()
	defer t.slab.mu.Unlock()
	return Fork{From: t, seen: len(t.slab.records)}
}

// Births returns the times at which k items are born, which the caller may set. The first of these
// items is i places behind t in the slab.
func (t *Trail) Births(i, k int) []int64 { return t.slab.born[int(t.place)+i:][:k] }

// Unused takes back the last n trails that were handed out.
func (a *Allocator) Unused(n int) { a.next -= n }

// At returns the current slab and the place of its next trail.
func (a *Allocator) At() (*Slab, int) { return a.slab, a.next }

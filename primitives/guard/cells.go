package guard

import (
	"math/bits"
	"math/rand/v2"
)

// A guard has two accounts. The whole one is behind the lock: waiters, weights, spare
// units. In front of the lock are cells, each for a permit of one unit. To take a cell
// costs a compare-and-swap, to give it back another one, and neither takes the lock.
//
//	63..2                  1     0
//	permits given back     shut  held
//
// A cell that is neither shut nor held is free, and its unit is in it. So a unit is
// always in one place, and the limit is kept by construction. A cell that is shut and
// not held is away: its unit is among the spare ones behind the lock.
//
// An operation that needs the whole account (a wait, a weight, a resize) closes the
// guard, which shuts every cell. From then on no call can take a cell past the queue,
// and permits come back behind the lock.
//
// The count makes each permit of a cell different from all before it. The counts
// together say how many permits the cells have given. They have 62 bits, which is
// enough forever.
//
// A call looks at the first cell. If that is not free, it looks at the others from a
// random one on, so that calls on different processors do not meet at one cell. After
// two calls have met at the first cell, all calls leave it out.
const (
	cells  = 64
	stride = 9 // to the next one to look at: odd, and in another cache line

	held  = 1
	shut  = 2
	freed = 4 - held // what a release adds
)

// takeFirst takes the first cell, if it is free and no other call takes it meanwhile.
func (g *Guard) takeFirst() (Permit, bool) {
	c := &g.cells[0]
	w := c.Load()
	if w&(held|shut) != 0 || !g.calm.Load() {
		return Permit{}, false
	}
	if !c.CompareAndSwap(w, w|held) {
		g.calm.Store(false)
		return Permit{}, false
	}
	return Permit{guard: g, ticket: w | held}, true
}

// takeFast takes a free cell, if the guard is open and has one.
func (g *Guard) takeFast() (Permit, bool) {
	n := g.gate.Load()
	if n == 0 {
		return Permit{}, false
	}
	at := rand.Uint32()
	for range n {
		i := at & (n - 1) % cells
		w := g.cells[i].Load()
		if w&(held|shut) == 0 && g.cells[i].CompareAndSwap(w, w|held) {
			return Permit{guard: g, ticket: w | held, slot: int(i)}, true
		}
		at += stride
	}
	return Permit{}, false
}

// spin looks for a free cell for a call that would have to wait in an open guard. No
// call waits in an open guard. Once one does, all later ones must, and each costs a
// wake-up. If calls are shorter than a wake-up, some looks are cheaper.
func (g *Guard) spin() (p Permit, ok bool) {
	for i := g.looks; i > 0 && !ok && g.gate.Load() > 0; i-- {
		p, ok = g.takeFast()
	}
	return p, ok
}

// putBack gives back cell i under the lock, if it holds the ticket.
func (g *Guard) putBack(i int, ticket uint64) bool {
	c := &g.cells[i]
	if c.Load() != ticket|shut {
		return c.CompareAndSwap(ticket, ticket+freed) // the guard is open, or the permit is an old one
	}
	c.Store((ticket | shut) + freed)
	g.away |= 1 << i
	g.spare++
	return true
}

// seatCell takes a cell that is away, for a unit that was spare.
func (g *Guard) seatCell() Permit {
	i := bits.TrailingZeros64(g.away)
	g.away &^= 1 << i
	g.counted++
	w := g.cells[i].Load()
	g.cells[i].Store(w | held)
	return Permit{guard: g, ticket: w&^shut | held, slot: i}
}

// close shuts all cells and takes their units behind the lock, which the caller holds.
func (g *Guard) close() {
	if g.closed {
		return
	}
	g.closed = true
	g.rest = g.span
	g.gate.Store(0)
	for i := range g.span {
		if g.away>>i&1 == 0 && g.cells[i].Or(shut)&held == 0 {
			g.away |= 1 << i
			g.spare++
		}
	}
}

// reopen opens the guard if it is likely to stay open. Closing and opening take a step for each
// cell. So a closed guard stays closed for as many operations as it has cells. It also stays closed
// until a quarter of the capacity is spare: otherwise a nearly full guard would open and close all
// the time.
func (g *Guard) reopen() {
	if !g.closed {
		g.lend()
		return
	}
	g.rest = max(g.rest-1, 0)
	stays := g.pinned || g.rest > 0 || g.spare <= 0 || g.spare < g.capacity()/4
	if !stays || g.spare == g.capacity() {
		g.queue.exits.forget()
	}
	if !stays {
		g.open()
	}
}

// open undoes close.
func (g *Guard) open() {
	g.closed = false
	for i := range g.span {
		if g.away>>i&1 == 0 {
			g.cells[i].And(^uint64(shut))
		}
	}
	g.lend()
	g.gate.Store(uint32(g.span))
}

// lend puts spare units into the cells that are away.
func (g *Guard) lend() {
	for g.spare > 0 {
		i := bits.TrailingZeros64(g.away)
		if i >= g.span {
			return
		}
		g.away &^= 1 << i
		g.spare--
		g.cells[i].And(^uint64(shut))
	}
}

// spread sets how many cells the guard uses: a power of two, at least the capacity if
// there are so many cells.
func (g *Guard) spread() {
	g.span = 1 << bits.Len(uint(min(g.capacity(), cells)-1))
}

// given is how many permits the cells have given.
func (g *Guard) given() (n uint64) {
	for i := range g.cells {
		w := g.cells[i].Load()
		n += w>>2 + w&held
	}
	return n
}

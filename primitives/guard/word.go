package guard

import "math/bits"

// A guard keeps its books twice over. Behind the lock stands the whole account:
// waiters, weights, spare units. In front of it stands one word, which holds a
// few free slots of one unit each; to take one costs a compare-and-swap, to give
// it back another one and an addition, and none of them the lock.
//
//	63      62        61..48    47..0
//	closed  overflow  admitted  free slots, one bit each
//
// A set bit is a free slot together with the unit that it stands for, so a unit is
// always in one place, and the limit is kept by construction. The slots that are
// neither free nor held are away; their units are among the spare ones behind the
// lock. What needs the whole account (somebody waits, a weight, a resize) closes
// the word, which takes all of it behind the lock in one step: from then on
// nobody can take a slot past the queue, and who gives one back comes to settle.
//
// The count of admissions since the last closing sits in the same word, so that a
// snapshot, which reads it once, sees depth and admissions that belong together.
// When it is full it runs over into bit 62, and the next call takes it in.
const (
	fastSlots = 48
	freeMask  = 1<<fastSlots - 1
	admission = 1 << fastSlots
	closedBit = 1 << 63
	gateShift = 62 // above zero: the word is closed, or its count is full
)

// takeFast takes a free slot of the word, if it is open and has one.
func (g *Guard) takeFast() (Permit, bool) {
	for {
		w := g.word.Load()
		i := bits.TrailingZeros64(w)
		if i >= fastSlots || w>>gateShift != 0 {
			return Permit{}, false
		}
		if g.word.CompareAndSwap(w, w+(admission-1<<i)) {
			return Permit{guard: g, ticket: g.returns[i].Load(), slot: i}, true
		}
	}
}

// harvest takes in the count of admissions when it has run over. Nobody adds to it
// then, since the overflow stops them, and slots may come back all the while.
func (g *Guard) harvest() {
	if w := g.word.Load(); !g.closed && w>>gateShift != 0 {
		n := w >> fastSlots
		g.admitted += n
		g.word.Add(-(n << fastSlots))
	}
}

// close takes everything in the word behind the lock, which the caller holds.
func (g *Guard) close() {
	if g.word.Load() == closedBit {
		return
	}
	w := g.word.Swap(closedBit)
	g.admitted += w &^ closedBit >> fastSlots
	g.away |= w & freeMask
	g.spare += bits.OnesCount64(w & freeMask)
	g.closed = true
}

// open moves spare units into the word, as far as it has slots for them. A closed
// word stays closed until a quarter of the capacity is spare: a guard that hovers
// about full would pay for the closing and opening with every call.
func (g *Guard) open() {
	if g.closed {
		if g.pinned {
			if g.spare == g.capacity() {
				g.queue.exits.forget()
			}
			return
		}
		if g.spare <= 0 || g.spare < g.capacity()/4 {
			return
		}
		g.queue.exits.forget()
		g.closed = false
		g.word.Add(g.lend() - closedBit)
		return
	}
	if g.spare > 0 && g.away != 0 {
		g.word.Add(g.lend())
	}
}

// lend takes spare units for slots that are away, and returns the slots' bits.
func (g *Guard) lend() (lent uint64) {
	for g.spare > 0 && g.away != 0 {
		bit := g.away & -g.away
		g.away &^= bit
		lent |= bit
		g.spare--
	}
	return lent
}

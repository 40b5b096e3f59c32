package guard

// Crossing tells the hook of a [SoftLimit] that the depth of a guard has passed
// the limit.
type Crossing struct {
	Name      string // of the guard; "" if it has none
	Above     bool   // true: the depth reached the limit; false: it fell below
	Depth     int    // right after the crossing; it may have changed since
	SoftLimit int
	Capacity  int
}

// maxUntold bounds how many crossings wait for a slow hook.
const maxUntold = 16

// softLimit is the account of the crossings. Crossings alternate, so their number and
// the last one told say which they are.
//
// Guarded by: the guard's lock.
type softLimit struct {
	at     int // 0: none
	hook   func(Crossing)
	noted  bool // whether the depth was at the limit when last looked at
	untold int
	depths [maxUntold]int // of the untold crossings, oldest first
	above  bool           // what the hook was told last
	// telling is set while a goroutine calls the hook. Other goroutines leave their
	// crossings to that one. So crossings stay in order, no goroutine waits, and the
	// hook may use the guard, because no lock is held.
	telling bool
}

// look records a crossing if the depth has passed the limit, and reports whether it has. The caller
// holds the lock, and calls look at the end of an operation. A unit that goes from one call to the
// next within an operation has never been free.
func (s *softLimit) look(depth int) bool {
	if s.noted == (depth >= s.at) {
		return false
	}
	s.noted = !s.noted
	if s.untold == maxUntold {
		// This crossing undoes the last untold one. Without both, crossings still
		// alternate, and the last one is still true.
		s.untold--
		return true
	}
	s.depths[s.untold] = depth
	s.untold++
	return true
}

// tell calls the hook for every untold crossing, unless another goroutine does.
func (g *Guard) tell() {
	g.mu.Lock()
	if g.soft.telling {
		g.mu.Unlock()
		return
	}
	g.soft.telling = true
	g.mu.Unlock()
	g.tellAll()
}

// tellAll goes on after a hook that panics or ends its goroutine: the other crossings
// are told while that unwinds.
func (g *Guard) tellAll() {
	finished := false
	defer func() {
		if !finished {
			g.tellAll()
		}
	}()
	for c, ok := g.nextCrossing(); ok; c, ok = g.nextCrossing() {
		g.soft.hook(c)
	}
	finished = true
}

// nextCrossing returns the oldest untold crossing. If there is none, the caller no
// longer tells. Both must be one step under the lock: a crossing noted in between would
// never be told.
func (g *Guard) nextCrossing() (Crossing, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.soft
	if s.untold == 0 {
		s.telling = false
		return Crossing{}, false
	}
	depth := s.depths[0]
	s.untold--
	copy(s.depths[:], s.depths[1:])
	s.above = !s.above
	return Crossing{Name: g.name, Above: s.above, Depth: depth, SoftLimit: s.at, Capacity: g.capacity()}, true
}

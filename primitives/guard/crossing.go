package guard

// Crossing tells the hook of a [SoftLimit] that the depth of a guard has passed
// the limit.
type Crossing struct {
	Name      string // of the guard; "" where it has none
	Above     bool   // true: the depth reached the limit; false: it fell below
	Depth     int    // right after the crossing; it may have changed since
	SoftLimit int
	Capacity  int
}

// maxUntold bounds how many crossings wait for a slow hook.
const maxUntold = 16

// softLimit is the account of the crossings. They alternate, so those not yet told
// are known by their number and by what was told last.
type softLimit struct {
	at     int // 0: none
	hook   func(Crossing)
	noted  bool // whether the depth was at the limit when last looked at
	untold int
	depths [maxUntold]int // of the untold crossings, oldest first
	above  bool           // what the hook was told last
	// telling is set while a goroutine calls the hook. The others leave their
	// crossings to it: that keeps the order without making anybody wait, and
	// lets the hook use the guard, which it could not if it held a lock.
	telling bool
}

// look notes a crossing if the depth has passed the limit, and reports whether it
// has. It is called under the lock, when a piece of work is done: a slot that goes
// from one call to the next in it has never been free.
func (s *softLimit) look(depth int) bool {
	if s.noted == (depth >= s.at) {
		return false
	}
	s.noted = !s.noted
	if s.untold == maxUntold {
		// This crossing takes back the last untold one: leaving both out keeps
		// the chain alternating and its end true.
		s.untold--
		return true
	}
	s.depths[s.untold] = depth
	s.untold++
	return true
}

// tell calls the hook for every untold crossing, unless somebody is at it.
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

// tellAll also survives a hook that panics or ends its goroutine: the others
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

// nextCrossing returns the oldest untold crossing. If there is none the caller
// is no longer the one who tells; that must be one step with seeing there is
// none, or a crossing noted in between would be left to nobody.
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

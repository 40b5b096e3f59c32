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

// softLimit is the account of the crossings. They alternate and the depth moves
// by one, so a count of those not yet told says all about them: which they are,
// in which order, and at what depth.
type softLimit struct {
	at     int // 0: none; the depth then never passes it
	hook   func(Crossing)
	untold int
	above  bool // what the hook was told last
	// telling is set while a goroutine calls the hook. The others leave their
	// crossings to it: that keeps the order without making anybody wait, and
	// lets the hook use the guard, which it could not if it held a lock.
	telling bool
}

// note records a crossing. Called under the lock.
func (s *softLimit) note() {
	if s.untold < maxUntold {
		s.untold++
		return
	}
	// This crossing takes back the last untold one: leaving both out keeps the
	// chain alternating and its end true.
	s.untold--
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
	s.untold--
	s.above = !s.above
	c := Crossing{Name: g.name, Above: s.above, Depth: s.at, SoftLimit: s.at, Capacity: g.capacity}
	if !c.Above {
		c.Depth--
	}
	return c, true
}

// tellOrRelease tells the hook on behalf of an Acquire. If the hook panics or
// ends the goroutine, the caller never sees the permit, so it is released here.
func (g *Guard) tellOrRelease(p Permit) {
	told := false
	defer func() {
		if !told {
			p.Release()
		}
	}()
	g.tell()
	told = true
}

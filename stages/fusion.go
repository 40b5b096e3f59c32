package stages

// fusion lets the sender of an edge do the receiver's work: adjacent cheap
// stages then share a goroutine, and an item goes from one to the next by a
// function call in place of a hand-over.
//
// The work of a stage is done by whoever has its turn. The receiver's own
// goroutine has it whenever it is awake, and leaves it behind when it goes idle,
// which it does under the edge's mutex with nothing left on the edge. A sender
// that finds the receiver idle, and cheap, takes the turn, works, and gives it
// back. So nobody works at the same time as another, and the order is kept.
//
// A sender that works for another stage is its guest. It may be no goroutine
// with user code further up its stack, nor hold a lock: a sink that locks what
// the source's iterator has locked must not be called by it. So a source shares
// its goroutine with nobody. And a guest never waits: where the stage turns out
// to be slow, or has no room below, it leaves the rest to the stage's own
// goroutine.
type fusion struct {
	load int64 // what a value costs there, in nanoseconds; belongs to the turn
	done int   // how many values the guest has worked on; belongs to the turn

	turn chan struct{} // the guest gives the turn to the receiver here

	// guarded by the edge's mutex
	lent   bool // senders can do the receiver's work
	guest  bool // a sender has the turn
	called bool // the receiver has been woken up meanwhile
	owed   bool // the receiver is awake and waits for the turn
	fused  bool // the last values went that way
}

// heavy is the load of a stage that works by itself: more than any other, and
// little enough that the sum of all stages does not overflow.
const heavy = 1 << 40

// lend allows senders to do the receiver's work, once its load is known. The
// receiver must have the turn.
func lend[E any](e *edge[E], work func([]E, *int, int64) int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.work, e.lent, e.load = work, true, heavy
	if e.turn == nil {
		e.turn = make(chan struct{}, 1)
	}
}

// offer hands the values on as putAll does, or does the receiver's work on them
// where that is idle and costs less than limit nanoseconds a value. The sender was
// last busy at the time now. offer returns what that is afterwards, 0 where it had to
// wait for room, and what a value costs below in the sender's goroutine.
func offer[E any](e *edge[E], vs []E, limit, now int64) (last, below int64) {
	for len(vs) > 0 {
		n := min(len(vs), e.bound)
		if !enter(&e.level, n, limit) {
			if putAll(e, vs) {
				now = 0
			}
			return now, 0
		}
		now, below = workAsGuest(e, vs, n, now)
		vs = vs[n:]
	}
	return now, below
}

// workAsGuest does the receiver's work on the first n values, and gives the turn back.
// It returns when it ended, and the receiver's load. Where user code ends the
// goroutine, the other values are handed on.
func workAsGuest[E any](e *edge[E], vs []E, n int, now int64) (last, load int64) {
	e.done = 0
	returned := false
	defer func() {
		load = e.load
		leaveRest(e, vs[:n], e.done)
		if !returned {
			putAll(e, vs[n:])
		}
	}()
	last = e.work(vs[:n], &e.done, now)
	returned = true
	return last, 0
}

// leaveRest gives the turn back after the work on the first of the values, and
// leaves the others to the receiver.
func leaveRest[E any](e *edge[E], vs []E, done int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.depth -= done
	for rest := vs[done:]; len(rest) > 0; {
		e.fused = false
		n := min(len(rest), e.size-len(e.pending))
		e.pending = append(e.pending, rest[:n]...)
		if rest = rest[n:]; len(e.pending) >= e.size {
			hand(e)
		}
	}
	owed, called := e.owed, e.called
	e.guest, e.called, e.owed = false, false, false
	switch {
	case owed: // it comes to what is left when it is done with what woke it
		e.turn <- struct{}{}
	case called: // it has a batch, or is about to, and then claims the turn
	case len(e.pending) > 0:
		hand(e)
	default:
		e.idle = true
		e.hungry.Store(true)
	}
	passRoom(&e.level)
}

// retain ends what lend has allowed.
func retain(l *level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent, l.fused = false, false
}

// claim takes the turn for the receiver, which has woken up.
func claim(l *level) {
	if !l.lent {
		return
	}
	l.mu.Lock()
	if !l.guest {
		rouse(l)
		l.mu.Unlock()
		return
	}
	l.owed = true
	l.mu.Unlock()
	<-l.turn
}

// rouse says that the receiver is idle no more. The mutex is held.
func rouse(l *level) {
	if l.idle {
		l.idle = false
		l.hungry.Store(false)
	}
}

// enter takes the turn for a sender with n values, if it may.
func enter(l *level, n int, limit int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !mayEnter(l, limit) {
		l.fused = false
		return false
	}
	rouse(l)
	l.guest, l.fused = true, true
	l.depth += n
	return true
}

// clearFor reports whether n values would find room, or a receiver whose work the
// sender can do.
func clearFor(l *level, n int, limit int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bound-l.depth >= n || mayEnter(l, limit)
}

// mayEnter reports whether a sender may take the turn. The mutex is held.
func mayEnter(l *level, limit int64) bool {
	return l.idle && l.lent && l.load < limit
}

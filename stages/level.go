package stages

import (
	"sync"
	"sync/atomic"
	"time"
)

// level is what an edge knows of its values but what they are: how many there are,
// who waits, and whose turn it is. What needs no more than that is done here, once for
// edges of all types: the compiler makes what belongs to an edge for each type of
// values. That is why there are functions, here and around [edge], where others would
// have methods: those of a generic type, and of what it embeds, are made for each
// type also where nobody calls them, and twice.
type level struct {
	bound int
	size  int           // of a batch, at most
	room  chan struct{} // a token here wakes one sender that waits for room

	mu      sync.Mutex
	depth   int  // accepted and not yet finished by the receiver
	idle    bool // the receiver found nothing and is about to block
	closed  bool
	bell    bool // the receiver expects to be woken by an empty batch
	waiting int  // senders that wait for room

	fusion
	lease

	full  time.Duration // how long any sender has waited for room
	since time.Time     // and waits now

	dry      atomic.Int64 // nanoseconds that the receiver has waited
	drySince atomic.Int64 // and waits now; 0 where it does not
}

// waitForRoom blocks until the edge is below its bound. The mutex is held on
// entry and on return, but not while it blocks.
func waitForRoom(l *level) {
	if l.waiting == 0 {
		l.since = time.Now()
	}
	for l.depth >= l.bound {
		l.waiting++
		l.mu.Unlock()
		<-l.room
		l.mu.Lock()
		l.waiting--
	}
	if l.waiting == 0 {
		l.full += time.Since(l.since)
	}
}

// passRoom wakes another waiting sender while there is room: the receiver leaves a
// single token however much it has freed. The mutex is held.
func passRoom(l *level) {
	if l.waiting > 0 && l.depth < l.bound {
		select {
		case l.room <- struct{}{}:
		default:
		}
	}
}

// roomOn returns how many values the edge has room for.
func roomOn(l *level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.bound-l.depth+unused(l), 0)
}

// awaitRoom adds n to the senders that wait for room, and reports whether there is
// none.
func awaitRoom(l *level, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 {
		l.since = time.Now()
	}
	if l.waiting += n; l.waiting == 0 {
		l.full += time.Since(l.since)
	}
	return l.depth >= l.bound
}

// shareRoom has the edge report room on wake, which other edges of the same sender
// use, too. No other sender may use the edge, and wake has room for one token.
func shareRoom(l *level, wake chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.room = wake
}

// wasDry books how long the receiver has waited.
func wasDry(l *level, ns int64) {
	l.dry.Add(ns)
	l.drySince.Store(0)
}

// stateOf is the edge as others see it; between whom, they know.
func stateOf(l *level, now int64) EdgeState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := EdgeState{Depth: l.depth - unused(l), Bound: l.bound, Full: l.full, Empty: time.Duration(l.dry.Load()), Fused: l.fused}
	if l.waiting > 0 {
		s.Full += time.Since(l.since)
	}
	if since := l.drySince.Load(); since > 0 {
		s.Empty += time.Duration(now - since)
	}
	s.Empty = max(s.Empty, 0) // a guest's work is booked before the wait that it is a part of
	return s
}

// crowded reports whether a sender waits for room.
func crowded(l *level) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting > 0
}

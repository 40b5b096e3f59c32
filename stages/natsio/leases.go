package natsio

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leases is the messages that a source holds: from when they arrive until they are settled.
//
// Guarded by: mu, which is also held while a renewal is sent. So a renewal of a message is never
// sent after its acknowledgement, whose delay it would undo.
type leases struct {
	conn  *nats.Conn
	began time.Time     // all times are since then
	every time.Duration // between two renewals
	term  time.Duration // after that a lease is lost that was not renewed

	mu   sync.Mutex
	ring lease // the head of a ring of the messages that are not lost, in the order of their renewal
	n    int
	free chan struct{} // a token if a message was settled
	// queue has the messages that Run has not taken into the flow.
	queue  []*lease
	wake   sync.Cond
	closed bool
	// spare is leases that were made together, which is cheaper.
	spare []lease

	end     context.CancelFunc // of the renewals; nil if there are none
	renewal sync.WaitGroup
}

// start begins a run. lost is told of leases that are lost.
func (ls *leases) start(conn *nats.Conn, every, term time.Duration, lost func(error)) {
	ls.mu.Lock() // Health may be asked for already
	ls.conn, ls.began, ls.every, ls.term = conn, time.Now(), every, term
	ls.ring.prev, ls.ring.next = &ls.ring, &ls.ring
	ls.queue, ls.closed, ls.wake.L = nil, false, &ls.mu
	ls.n, ls.free = 0, make(chan struct{}, 1)
	ls.mu.Unlock()
	ctx, end := context.WithCancel(context.Background())
	ls.end = end
	ls.renewal.Go(func() { ls.renew(ctx, lost) })
}

// stop ends the renewals.
func (ls *leases) stop() {
	if ls.end != nil {
		ls.end()
		ls.renewal.Wait()
		ls.end = nil
	}
}

func (ls *leases) count() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.n
}

// hold takes a message that has arrived.
func (ls *leases) hold(m jetstream.Msg) {
	now := ls.now()
	ls.mu.Lock()
	if len(ls.spare) == 0 {
		ls.spare = make([]lease, 16)
	}
	l := &ls.spare[0]
	ls.spare = ls.spare[1:]
	l.msg, l.since = m, now
	ls.n++
	ls.push(l)
	ls.queue = append(ls.queue, l)
	first := len(ls.queue) == 1
	ls.mu.Unlock()
	if first {
		ls.wake.Signal()
	}
}

// close says that no further message arrives.
func (ls *leases) close() {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	ls.wake.Signal()
}

// take waits for messages and takes all of them, in exchange for an empty slice. It returns false
// when there will be none.
func (ls *leases) take(empty []*lease) ([]*lease, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for len(ls.queue) == 0 {
		if ls.closed {
			return nil, false
		}
		ls.wake.Wait()
	}
	all := ls.queue
	ls.queue = empty
	return all, true
}

func (ls *leases) now() time.Duration { return time.Since(ls.began) }

func (ls *leases) push(l *lease) {
	last := ls.ring.prev
	l.prev, l.next = last, &ls.ring
	last.next, ls.ring.prev = l, l
}

func (l *lease) leave() { l.prev.next, l.next.prev = l.next, l.prev }

// release gives a message up, before it is settled. held is false if that was done before. lost says
// that the lease was lost.
func (ls *leases) release(l *lease) (held, lost bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l.next == nil {
		return false, false
	}
	lost = l.lost()
	l.leave()
	l.prev, l.next = nil, nil
	l.close(nil)
	ls.n--
	select {
	case ls.free <- struct{}{}:
	default:
	}
	return true, lost
}

// room waits until a quarter of most is free, and returns how many messages more can be held. It
// returns false when ctx ends.
func (ls *leases) room(ctx context.Context, most int) (int, bool) {
	for ctx.Err() == nil {
		if n := most - ls.count(); n >= max(most/4, 1) {
			return n, true
		}
		select {
		case <-ls.free:
		case <-ctx.Done():
		}
	}
	return 0, false
}

package natsio

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leases are the messages that a source holds, from their arrival until they are settled.
//
// Guarded by: mu, also while a renewal is sent. So no renewal of a message is sent after its
// acknowledgement, whose delay it would undo.
type leases struct {
	conn  *nats.Conn
	began time.Time     // origin of all times
	every time.Duration // time between two renewals
	term  time.Duration // time after which a lease without renewal is lost

	mu   sync.Mutex
	ring lease // the head of a ring of the messages that are not lost, in the order of their renewal
	n    int
	free chan struct{} // a token if a message was settled
	// queue has the messages that Run has not taken into the flow.
	queue  []*lease
	wake   sync.Cond
	closed bool
	// spare has leases that were allocated together, which costs less.
	spare []lease

	end     context.CancelFunc // ends the renewals; nil if there are none
	renewal sync.WaitGroup
}

// start begins a run. It calls lost when leases are lost.
func (ls *leases) start(conn *nats.Conn, every, term time.Duration, lost func(error)) {
	ls.mu.Lock() // Health may be called already
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

// hold holds a message that has arrived.
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

// take waits for messages and takes all of them. It gives the queue an empty slice in exchange. It
// returns false when no message will come.
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

// release removes a message before it is settled. held is false if that was done before. lost says
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

// room waits until a quarter of most is free, and returns the number of messages that the source
// can hold in addition. It returns false when ctx ends.
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

package kernel

import (
	"errors"
	"sync"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/handoff"
	"github.com/weir-go/weir/internal/lineage"
)

// Outlet is the sending end of a stage with a loop of its own. Any number of goroutines may send.
// The typed outlet around it writes the values.
type Outlet struct {
	node *Node
	edge *Edge

	mu     sync.Mutex
	waits  bool            // a sender waits for room, without the mutex
	queue  []chan struct{} // senders that wait for that sender
	closed bool
	trails lineage.Allocator
}

// NewOutlet returns the sending end of e.
func NewOutlet(e *Edge) *Outlet {
	return &Outlet{node: e.From, edge: e, trails: lineage.NewAllocator(&e.From.run.pool)}
}

// Node returns the node of the outlet.
func (o *Outlet) Node() *Node { return o.node }

// Unwanted reports that no stage below takes the items.
func (o *Outlet) Unwanted() bool { return o.edge.unwanted.Load() }

// lock acquires the sender's half, with room for at least one item. If the stream has ended it
// returns false, and the caller must still call unlock.
func (o *Outlet) lock() (b *handoff.Batch, at, room int, ok bool) {
	o.mu.Lock()
	for {
		switch {
		case o.closed:
			return nil, 0, 0, false
		case o.waits:
			turn := make(chan struct{})
			o.queue = append(o.queue, turn)
			o.mu.Unlock()
			<-turn
			o.mu.Lock()
			continue
		}
		if b, at, room = o.edge.Reserve(false); room > 0 {
			return b, at, room, true
		}
		o.waits = true
		o.mu.Unlock()
		o.edge.AwaitRoom()
		o.mu.Lock()
		o.waits = false
	}
}

// unlock releases the sender's half to the next waiting sender.
func (o *Outlet) unlock() {
	if len(o.queue) > 0 {
		close(o.queue[0])
		o.queue[0] = nil
		o.queue = o.queue[1:]
	}
	o.mu.Unlock()
}

// publish sends the next k items, which the caller has written, and unlocks.
func (o *Outlet) publish(k int) {
	o.edge.Commit(k)
	o.edge.Rouse()
	o.unlock()
}

// Send begins to send an item, and returns the place for its value. The stage must write the value
// and call [Outlet.Publish]. Send books the time that the item was in the stage, unless it is booked
// already. Send blocks while the edge is full. ok is false if the stream has ended because the stage
// was left behind: then the item is lost.
func (o *Outlet) Send(m *Meta) (b *handoff.Batch, at int, ok bool) {
	n := o.node
	if m.fault == nil {
		n.Out.Add(1)
		o.time(m)
	}
	return o.place(m)
}

// time books the stage in the lineage: the work began when the stage received the item.
func (o *Outlet) time(m *Meta) {
	n := o.node
	if m.trail == nil || m.booked || !n.run.timed {
		return
	}
	now := m.began
	if !m.waited {
		now = n.run.now()
	}
	work := now - m.began
	t := account.Tally{Attempts: 1, Longest: work}
	t.Waited(&n.Books, m.began-m.left)
	t.Worked(&n.Books, 1, work)
	m.trail.Record(n.Index, 1, m.began, work)
	m.left = now
	t.Publish(&n.Books)
}

// Waited says that the stage has only waited with the item until now. The stage must send it next.
func (n *Node) Waited(m *Meta) { m.began, m.waited = n.run.stamp(), true }

// place writes an item to the edge, without its value.
func (o *Outlet) place(m *Meta) (b *handoff.Batch, at int, ok bool) {
	if b, at, _, ok = o.lock(); !ok {
		o.unlock()
		m.trail.Leave(o.untaken())
		return nil, 0, false
	}
	put(b, at, m)
	return b, at, true
}

// put writes an item to a place of b, without its value.
func put(b *handoff.Batch, at int, m *Meta) {
	if m.trail != nil {
		b.SetTrail(at, m.trail)
		b.Left[at] = m.left
	} else if b.Has(handoff.HasTrail) {
		b.Trails[at] = nil
	}
	if m.fault != nil {
		b.Spoil(at, m.fault)
	}
}

// untaken returns the failure of an item that is sent after the end of the stream. The sender is a
// stage that was left behind, or a source that has returned.
func (o *Outlet) untaken() error {
	if o.node.run.Aborted() {
		return errors.Join(o.node.run.AbortError(), fault.ErrAbandoned)
	}
	return fault.ErrHandedBack
}

// Publish sends the item whose value was written.
func (o *Outlet) Publish() { o.publish(1) }

// Derive returns a new item that continues the lineage of m. The stage must still account for m.
func (o *Outlet) Derive(m *Meta) Meta {
	o.node.Derived.Add(1)
	return o.Child(m)
}

// Child is Derive without the count.
func (o *Outlet) Child(m *Meta) Meta {
	child := *m
	if m.trail != nil {
		o.mu.Lock()
		child.trail = o.trails.Child(m.trail)
		o.mu.Unlock()
	}
	return child
}

// Join makes m, which is derived from one item, also continue another one.
func (o *Outlet) Join(m *Meta, other *Meta) {
	switch {
	case other.trail == nil:
	case m.trail == nil:
		*m = o.Child(other)
	default:
		m.trail.Share(other.trail)
	}
}

// Flattened accounts for an item from which n items were derived: one of them counts as the item
// itself.
func (o *Outlet) Flattened(m Meta) {
	o.node.Derived.Add(-1)
	m.trail.Leave(nil)
}

// newTrail returns a trail for an item, also in an untimed run.
func (o *Outlet) newTrail(born int64) *lineage.Trail {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.trails.New(born)
}

// Resend is Send for the current item of in, with its value unchanged.
func (o *Outlet) Resend(in *Inlet, m Meta) {
	if b, at, ok := o.Send(&m); ok {
		in.B.Vals.CopyTo(b.Vals, at, in.Pos, in.Pos+1)
		o.Publish()
	}
}

// Forward sends the taken places from up to to of in unchanged. It counts the healthy ones.
func (o *Outlet) Forward(in *Inlet, from, to int) {
	set := Span(from, to)
	passed := o.node.stamp(in.B, set)
	o.node.In.Add(passed)
	o.copy(in.B, set, nil)
	o.node.Out.Add(passed)
}

// fill sends n items, as many at a time as there is room for. write writes the items from from up to
// to, to the places of b from at on. fill returns how many items it has sent. It sends fewer than n
// only if the stream has ended.
func (o *Outlet) fill(n int, write func(b *handoff.Batch, at, from, to int)) (sent int) {
	for sent < n {
		b, at, room, ok := o.lock()
		if !ok {
			o.unlock()
			break
		}
		k := min(room, n-sent)
		write(b, at, sent, sent+k)
		o.publish(k)
		sent += k
	}
	return sent
}

// copy sends the places of src in m. twins, if not nil, are the trails of the sent items, by place.
func (o *Outlet) copy(src *handoff.Batch, m Mask, twins []*lineage.Trail) {
	o.fill(m.Len(), func(b *handoff.Batch, at, sent, to int) {
		for sent < to {
			i, end := m.Run()
			end = min(end, i+to-sent)
			m = m.Without(i, end)
			b.Take(at, src, i, end)
			for j := i; j < end && twins != nil; j++ {
				b.SetTrail(at+j-i, twins[j])
			}
			at += end - i
			sent += end - i
		}
	})
	for ; m != 0; m &= m - 1 { // the stage was left behind
		if i := m.First(); twins != nil {
			twins[i].Leave(o.untaken())
		} else {
			src.Trail(i).Leave(o.untaken())
		}
	}
}

// Room returns the number of items for which the edge has room now.
func (o *Outlet) Room() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.edge.Room()
}

// Close ends the stream below.
func (o *Outlet) Close() {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	o.closed = true
	o.trails.Retire()
	for _, turn := range o.queue {
		close(turn)
	}
	o.queue = nil
	o.mu.Unlock()
	o.edge.Close()
}

package handoff

import "time"

// The methods of the sender, which owns the sender's half.

// Reserve returns the batch to which the sender appends, the next place, and the number of items
// for which there is room. It blocks while the edge is full. If wait is false, it returns no room
// instead.
func (e *Edge) Reserve(wait bool) (b *Batch, at, room int) {
	free := e.free(e.most)
	for free <= 0 {
		if !wait {
			return nil, 0, 0
		}
		e.AwaitRoom()
		free = e.free(e.most)
	}
	if e.n == e.tail.Size() {
		e.push(e.blank())
	}
	return e.tail, e.n, min(free, e.tail.Size()-e.n)
}

// Room returns the number of items for which there is room now.
func (e *Edge) Room() int { return max(0, e.free(e.Bound)) }

// free returns the number of items for which there is room. It loads the receiver's progress only
// if it knows of less than enough.
func (e *Edge) free(enough int) int {
	free := e.Bound - int(e.sent-e.seen)
	if free < enough {
		e.seen = e.done.Load()
		free = e.Bound - int(e.sent-e.seen)
	}
	return free
}

// Commit publishes the next k places of the batch that Reserve returned. The sender must have
// written them.
func (e *Edge) Commit(k int) {
	e.n += k
	e.sent += int64(k)
	e.tail.filled.Store(e.sent)
}

// push makes b, which is empty, the last batch.
func (e *Edge) push(b *Batch) {
	old := e.tail
	b.first = e.sent
	b.filled.Store(e.sent)
	e.tail, e.n = b, 0
	old.next.Store(b)
	e.last.Store(b)
}

// AwaitRoom blocks until half of a large bound is free. So a sender that is faster than its
// receiver is woken twice per bound, not once per item. With a small bound AwaitRoom returns at any
// room.
func (e *Edge) AwaitRoom() {
	if e.room == nil { // the receiver uses the channel only after it has seen want
		e.room = make(chan struct{}, 1)
	}
	began := time.Now()
	e.fullSince.Store(e.Clock.At(began))
	want := e.sent - int64(e.Bound/2)
	if e.Bound < BatchSize {
		want = e.sent - int64(e.Bound) + 1
	}
	if !e.reached(want) {
		<-e.room
	}
	e.seen = e.done.Load()
	e.full.Add(int64(time.Since(began)))
	e.fullSince.Store(0)
}

// reached reports whether the receiver has done want items. If not, the sender gets a token when it
// has, from the channel room.
//
// Ordering: the store of want pairs with Consume, which stores done and then loads want.
func (e *Edge) reached(want int64) bool {
	e.want.Store(want)
	return e.done.Load() >= want && e.want.CompareAndSwap(want, 0)
}

// ShareRoom makes edges of one sender report room on one channel; see [WaitRoom].
func ShareRoom(edges []*Edge) {
	room := make(chan struct{}, len(edges))
	for _, e := range edges {
		e.room = room
	}
}

// WaitRoom blocks until one of the edges may have room for an item.
func WaitRoom(edges []*Edge) {
	wants := make([]int64, 0, len(edges))
	free := false
	for _, e := range edges {
		want := e.sent - int64(e.Bound) + 1
		if e.reached(want) {
			free = true
			break
		}
		wants = append(wants, want)
	}
	if !free && len(wants) > 0 {
		<-edges[0].room
	}
	tokens := 0
	for i, want := range wants {
		if !edges[i].want.CompareAndSwap(want, 0) {
			tokens++ // the receiver of the edge has sent a token, or will
		}
		edges[i].seen = edges[i].done.Load()
	}
	if !free {
		tokens-- // received above
	}
	for ; tokens > 0; tokens-- {
		<-edges[0].room
	}
}

// Notify tells the receiver about committed items. If the receiver is idle and costs less than
// limit nanoseconds an item, the sender does its work. Then Notify returns when that work ended and
// what an item costs there, 0 if items are left. The work begins at now, which is 0 if that is not
// known.
func (e *Edge) Notify(limit, now int64) (last, below int64) {
	if e.state.Load() != hungry {
		return now, 0
	}
	if e.load.Load() < limit && e.state.CompareAndSwap(hungry, visited) {
		if !e.fused.Load() {
			e.fused.Store(true)
		}
		return e.visit(now)
	}
	e.Rouse()
	return now, 0
}

// visit is the work of a sender in place of the receiver. It never waits. Items that the step
// leaves go to the receiver's goroutine. visit returns when it ended and what an item costs, 0 if
// items are left.
func (e *Edge) visit(now int64) (last, load int64) {
	rest, began := true, now
	defer func() {
		if e.Timed && began > 0 && last > began { // the receiver's measured wait includes this time
			e.dry.Add(began - last)
		}
		e.leave(rest)
	}()
	for ok := true; ok; {
		b, from, to := e.View()
		if b == nil {
			rest = false
			return now, e.load.Load()
		}
		now, ok = e.step(b, from, to, true, now)
	}
	return now, 0
}

// leave ends a visit. rest says that items are left for the receiver's goroutine.
func (e *Edge) leave(rest bool) {
	if !rest { // the visitor has both halves: reuse the batch, which is in the cache
		e.restart()
	}
	if rest || !e.state.CompareAndSwap(visited, hungry) {
		e.state.Store(busy)
		e.token()
	}
}

// restart empties the only batch, of which all places are done, or replaces it by a larger one.
func (e *Edge) restart() {
	b := e.head
	if e.n == b.Size() && b.Size() < e.most {
		b = e.blank()
		b.filled.Store(e.sent)
		e.head, e.tail = b, b
		e.last.Store(b)
	} else {
		b.Reset()
	}
	b.first = e.sent
	e.n, e.pos = 0, 0
}

// Rouse wakes the receiver's goroutine if it is parked.
func (e *Edge) Rouse() {
	if e.state.Load() == hungry && e.state.CompareAndSwap(hungry, busy) {
		if e.fused.Load() {
			e.fused.Store(false)
		}
		e.token()
	}
}

// token wakes the receiver's goroutine, which is parked or about to park.
//
// Invariant: each token belongs to one change of state to busy by a sender or visitor.
// Must not: be called without such a change. A goroutine that receives a token becomes the owner of
// the receiver's half.
func (e *Edge) token() { e.wake <- struct{}{} }

// Close ends the stream.
func (e *Edge) Close() {
	e.closed.Store(true)
	e.Rouse()
}

package kernel

import (
	"context"

	"github.com/weir-go/weir/internal/account"
)

// Folding is the receiving end of a stage that makes one item of all items.
//
// Owner: the stage's goroutine.
type Folding struct {
	in    *Inlet
	first Meta // owes what all folded items owe
	held  bool // there is a first
	n     int  // items so far
	value any  // of the first item
	last  int64
	tally account.Tally
}

// NewFolding returns the receiving end of in as a Folding. The stage must close it.
func NewFolding(in *Inlet) *Folding { return &Folding{in: in} }

// Next receives the next item, calls step for it as [Inlet.Try] does, and folds the item if step
// succeeds. It returns false at the end of the stream.
func (f *Folding) Next(step func(context.Context) error) bool {
	m, ok := f.receive()
	if !ok {
		return false
	}
	attempts, ok := f.in.Try(&m, step)
	f.book(attempts)
	switch {
	case !ok: // it has failed
	case f.held:
		f.n++
		f.in.Fold(m, &f.first)
	default:
		f.n++
		f.first, f.held, f.value = m, true, f.in.Value()
	}
	return true
}

// receive returns the next item. If the item is at hand, the work on it begins when the work on the
// one before ended.
func (f *Folding) receive() (m Meta, ok bool) {
	if at, to := f.in.HealthyRun(1); at < to {
		f.tally.In++
		m = metaOf(f.in.B, at)
		m.began = f.last
		return m, true
	}
	f.tally.Publish(&f.in.node.Books)
	f.in.node.Keeps(f.n)
	m, ok, _ = f.in.Next(nil)
	f.last = m.began
	return m, ok
}

// book books the work on an item.
func (f *Folding) book(attempts int) {
	if !f.in.node.run.timed {
		return
	}
	now := f.in.node.run.now()
	work := now - f.last
	f.last = now
	f.tally.Attempts += int64(attempts)
	f.tally.Worked(&f.in.node.Books, 1, work)
	f.tally.Longest = max(f.tally.Longest, work)
}

// Result returns the item that was made of all, false if there was none. The item has only waited in
// the stage: the work is that on the items.
func (f *Folding) Result() (m Meta, ok bool) {
	if !f.held {
		return m, false
	}
	f.held = false
	if n := f.in.node; n.run.timed && f.first.trail != nil {
		now := n.run.now()
		f.tally.Waited(&n.Books, now-f.first.left)
		f.first.trail.Record(n.Index, 1, now, 0)
		f.first.left, f.first.booked = now, true
	}
	return f.first, true
}

// Close fails the held item if the stage ends without a result.
func (f *Folding) Close() {
	f.in.node.Keeps(0)
	f.tally.Publish(&f.in.node.Books)
	if f.held {
		f.in.Fail(f.first, f.value, f.in.node.run.AbortError())
	}
}

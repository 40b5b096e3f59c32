package kernel

import (
	"time"

	"github.com/weir-go/weir/internal/account"
	"github.com/weir-go/weir/internal/fault"
	"github.com/weir-go/weir/internal/lineage"
)

// This file has the ways in which a received item ends.

// Fail accounts for the item as failed with err, as expired, or as handed back.
func (in *Inlet) Fail(m Meta, value any, err error) { in.fail(m, value, err, 1) }

// Refuse is Fail for an item that was not tried.
func (in *Inlet) Refuse(m Meta, value any, err error) { in.fail(m, value, err, 0) }

func (in *Inlet) fail(m Meta, value any, err error, attempts int) {
	n := in.node
	var t account.Tally
	t.Fail(err)
	t.Publish(&n.Books)
	m.fault = n.NewFault(err, attempts, value, m.trail)
	in.Pass(&m)
}

// Drop accounts for the item as dropped on purpose.
func (in *Inlet) Drop(m Meta) {
	if m.fault != nil {
		in.node.Recovered.Add(1)
	}
	in.node.Filtered.Add(1)
	m.trail.Leave(nil)
}

// Fold accounts for the item as a part of another item.
func (in *Inlet) Fold(m Meta, into *Meta) {
	in.node.Folded.Add(1)
	into.trail = m.trail.Fold(into.trail)
}

// Recover makes a failed item healthy again.
func (in *Inlet) Recover(m Meta) Meta {
	in.node.Recovered.Add(1)
	m.fault, m.began = nil, in.node.run.stamp()
	return m
}

// DeadLetter accounts for a failed item as stored as a dead letter.
func (in *Inlet) DeadLetter(m Meta) {
	in.node.Recovered.Add(1)
	in.node.DeadLetter.Add(1)
	if h := in.node.run.hooks; h != nil && h.DeadLetter != nil {
		h.DeadLetter(in.node.Name, m.fault)
	}
	m.trail.Receipt().Bury()
	m.trail.Leave(nil)
}

// HandBack accounts for a failed item as handed back. Its source hears err.
func (in *Inlet) HandBack(m Meta, err error) {
	in.node.Recovered.Add(1)
	in.node.Returned.Add(1)
	f := *m.fault
	f.Err = err
	m.trail.Leave(fault.ItemError(&f))
}

// Done accounts for an item that a sink has accepted. A failed item counts as delivered with its
// failure.
func (in *Inlet) Done(m Meta) {
	if m.fault != nil {
		m.trail.Leave(fault.ItemError(m.fault))
		return
	}
	if m.trail != nil {
		in.node.Books.Accepted(m.trail.Born(), max(m.began, m.left))
	}
	in.node.Out.Add(1)
	m.trail.Leave(nil)
}

// Shed accounts for the item as refused because a limit was reached. Only a source that waits for
// the item hears the reason.
func (in *Inlet) Shed(m Meta, value any, why error) {
	in.node.Shed.Add(1)
	if m.trail.Receipt() != nil { // also for watches
		why = fault.ItemError(in.node.NewFault(why, 0, value, m.trail))
	}
	m.trail.Leave(why)
}

// Timings appends the timings of the item so far, and returns the time since its entry.
func (in *Inlet) Timings(m Meta, to []lineage.Timing) ([]lineage.Timing, time.Duration) {
	if m.trail == nil || !in.node.run.timed {
		return to, 0
	}
	return m.trail.Timings(to), time.Duration(in.node.run.now() - m.trail.Entered())
}

// Remember makes the item keep a value. It returns the item, which has a trail from then on.
func (in *Inlet) Remember(m Meta, v lineage.Memory) Meta {
	m = in.tracked(m)
	m.trail.Remember(v)
	return m
}

// LimitTo gives the item a deadline d after its entry into the flow. In an untimed run the time of
// entry is not known, so d counts from now. The returned item has a trail.
func (in *Inlet) LimitTo(m Meta, d time.Duration) Meta {
	m = in.tracked(m)
	from := m.trail.Entered()
	if !in.node.run.timed {
		from = in.node.run.now()
	}
	by := from + int64(d)
	if by < from { // too far off to matter
		by = 0
	}
	m.trail.LimitTo(by)
	return m
}

// tracked gives the item a trail if it has none.
func (in *Inlet) tracked(m Meta) Meta {
	if m.trail == nil {
		m.trail = in.out.newTrail(in.node.run.stamp())
		m.left = m.trail.Born()
	}
	return m
}

// Callers calls f for each caller that waits for a result of the current item.
func (in *Inlet) Callers(f func(any)) { in.B.Trail(in.Pos).Receipt().Calls(f) }

// Watch makes the item call settle when everything that is made of it has left the flow, just
// before its source hears of it. A watch does not count as a source that waits. Watch returns the
// item, which has a trail from then on.
func (in *Inlet) Watch(m Meta, settle func(error)) Meta {
	m = in.tracked(m)
	m.trail.Watch(settle)
	return m
}

// Yield accounts for an item as a part of another one, and returns its receipt, nil for none. The
// stage must close the receipt with the outcome of the other item.
func (in *Inlet) Yield(m Meta) *lineage.Receipt {
	in.node.Folded.Add(1)
	return m.trail.Yield()
}

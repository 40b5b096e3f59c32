package account

import (
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/fault"
)

// Ledger is the account of a node. Its fields are those of stages.Ledger.
type Ledger struct {
	In, Derived, Recovered                                                 int64
	Out, Folded, Filtered, Failed, Shed, Expired, DeadLettered, HandedBack int64
}

// Balance returns the number of items that have come and not left.
func (l *Ledger) Balance() int64 {
	return l.In + l.Derived + l.Recovered - (l.Out + l.Folded + l.Filtered + l.Failed + l.Shed + l.Expired + l.DeadLettered + l.HandedBack)
}

// Effort is the time a node took, over all items. Its fields are those of stages.Effort.
type Effort struct {
	Attempts   int64
	Wait, Work time.Duration
	Longest    time.Duration
}

// Books is the account of a node. Any goroutine may add to it and read it.
type Books struct {
	In, Derived, Recovered                                             atomic.Int64
	Out, Folded, Filtered, Failed, Shed, Expired, DeadLetter, Returned atomic.Int64
	attempts, wait, work, longest                                      atomic.Int64

	spread *spread // nil unless the run keeps distributions
}

// Tally is what a goroutine has counted since it last published to the books. So atomic operations
// are paid once a batch, not once an item.
type Tally struct {
	In                                             int64
	Out, Filtered, Failed, Shed, Expired, Returned int64
	Attempts, wait, work, Longest                  int64

	streaks streaks
}

// Fail counts an item that failed with err: as handed back, as expired or as failed.
func (t *Tally) Fail(err error) {
	switch {
	case fault.IsReturn(err):
		t.Returned++
	case fault.IsExpired(err):
		t.Expired++
	default:
		t.Failed++
	}
}

// Publish adds the tally to the books and empties it. It adds what came before what left, and
// Ledger reads in the opposite order. So a balance is never negative.
func (t *Tally) Publish(b *Books) {
	add(&b.In, t.In)
	add(&b.Out, t.Out)
	add(&b.Filtered, t.Filtered)
	add(&b.Failed, t.Failed)
	add(&b.Shed, t.Shed)
	add(&b.Expired, t.Expired)
	add(&b.Returned, t.Returned)
	add(&b.attempts, t.Attempts)
	add(&b.wait, t.wait)
	add(&b.work, t.work)
	b.Stretch(t.Longest)
	if b.spread != nil {
		t.flush(b.spread)
	}
	*t = Tally{}
}

// Stretch raises the longest work on one item to work, if it is longer.
func (b *Books) Stretch(work int64) {
	for {
		old := b.longest.Load()
		if work <= old || b.longest.CompareAndSwap(old, work) {
			return
		}
	}
}

// add adds n, unless it is 0: an atomic addition costs as much as many comparisons.
func add(a *atomic.Int64, n int64) {
	if n != 0 {
		a.Add(n)
	}
}

// Effort returns the time that the node has taken so far. Its times are zero in an untimed run.
func (b *Books) Effort() Effort {
	return Effort{
		Attempts: b.attempts.Load(), Wait: time.Duration(b.wait.Load()),
		Work: time.Duration(b.work.Load()), Longest: time.Duration(b.longest.Load()),
	}
}

// Ledger returns the account. For a source, sent returns the number of items that it has sent: they
// count both as come and as left. What left is read before what came; see Publish.
func (b *Books) Ledger(source bool, sent func() int64) Ledger {
	l := Ledger{
		HandedBack: b.Returned.Load(), DeadLettered: b.DeadLetter.Load(), Expired: b.Expired.Load(), Shed: b.Shed.Load(), Failed: b.Failed.Load(),
		Filtered: b.Filtered.Load(), Folded: b.Folded.Load(), Out: b.Out.Load(),
	}
	if source {
		l.Out += sent()
		l.In = l.Out
	}
	l.Recovered = b.Recovered.Load()
	l.Derived = b.Derived.Load()
	l.In += b.In.Load()
	return l
}

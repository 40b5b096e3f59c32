package lineage

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Recall is how the lots reach the stages of a run.
type Recall struct {
	// Ring rings all alarms of the run.
	Ring func()

	called atomic.Int32 // lots that were called in and have items in the run
}

// Any reports whether a lot that has items in the run was called in.
func (r *Recall) Any() bool { return r.called.Load() > 0 }

// Lot is a group of items that their source can call in. Stages then hold none of them back. The
// receipt of an item names its lot.
type Lot struct {
	mu     sync.Mutex // Guarded by: mu, all below
	called bool
	owed   int       // receipts that are not settled
	runs   []*Recall // of the runs that have items of the lot
}

// enter notes a receipt in a run.
func (l *Lot) enter(r *Recall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed++
	if slices.Contains(l.runs, r) {
		return
	}
	l.runs = append(l.runs, r)
	if l.called {
		r.called.Add(1)
	}
}

// leave notes that a receipt is settled.
func (l *Lot) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owed--; l.owed > 0 {
		return
	}
	if l.called {
		for _, r := range l.runs {
			r.called.Add(-1)
		}
	}
	l.runs = nil
}

// Call calls the items in. The call also holds for items that come later. Call does not wait.
//
// Ordering: Recall.called is stored before the alarms ring. A stage that receives an item loads
// called after it has booked the item. So either the stage sees the call, or its alarm rings later.
func (l *Lot) Call() {
	l.mu.Lock()
	if l.called {
		l.mu.Unlock()
		return
	}
	l.called = true
	runs := slices.Clone(l.runs)
	for _, r := range runs {
		r.called.Add(1)
	}
	l.mu.Unlock()
	for _, r := range runs {
		r.Ring()
	}
}

func (l *Lot) isCalled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.called
}

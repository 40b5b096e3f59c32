package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// insist is try on real time. Its checks rely on a sleep to take about as long as
// asked; a failure where that was not so says nothing about the store.
func (c check) insist(t reporter, factory func() []store.Store, unit time.Duration) {
	t.Helper()
	for tries := 4; ; tries-- {
		notes := &notebook{}
		late := c.attempt(notes, factory(), unit)
		if notes.skipped != nil {
			t.Skip(notes.skipped...)
		}
		if len(notes.faults) == 0 {
			return
		}
		if tries == 1 || !late {
			for _, fault := range notes.faults {
				t.Errorf("%s", fault)
			}
			t.FailNow()
		}
		unit *= 2
	}
}

// attempt runs c once, in a goroutine that c may end, and reports whether it took
// longer than it waited by more than half a unit. The store's own time counts,
// too: one that is slow for its unit is checked again, and fails again.
func (c check) attempt(notes *notebook, nodes []store.Store, unit time.Duration) (late bool) {
	tr := &trial{reporter: notes, nodes: nodes, unit: unit}
	begun := time.Now()
	var running sync.WaitGroup
	running.Go(func() { tr.run(c) })
	running.Wait()
	return time.Since(begun)-tr.slept > unit/2
}

// notebook takes down what a check reports.
type notebook struct {
	mu      sync.Mutex
	faults  []string
	skipped []any // nil where it was not
}

func (n *notebook) Helper() {}

func (n *notebook) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, fmt.Sprintf(format, args...))
}

func (n *notebook) FailNow() { runtime.Goexit() }

func (n *notebook) Skip(args ...any) {
	n.skipped = args
	runtime.Goexit()
}

package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/weir-go/weir/primitives/store"
)

// insist is try on real time. The checks assume that sleeps take about as long as requested. If a
// sleep took longer, a failure says nothing about the store.
func (c check) insist(t reporter, factory func() []store.Store, s settings) {
	t.Helper()
	for tries := 4; ; tries-- {
		notes := &notebook{}
		late := c.attempt(notes, factory(), s)
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
		s.unit *= 2
	}
}

// attempt runs c once, in a goroutine that c may end. It reports whether c took longer
// than it waited by more than half a unit. The time of the store counts as well: a store
// that is slow for its unit is checked again, and fails again.
func (c check) attempt(notes *notebook, nodes []store.Store, s settings) (late bool) {
	tr := &trial{reporter: notes, nodes: nodes, unit: s.unit, wipe: s.wipe}
	begun := time.Now()
	var running sync.WaitGroup
	running.Go(func() { tr.run(c) })
	running.Wait()
	return time.Since(begun)-tr.slept > s.unit/2
}

// notebook records what a check reports.
type notebook struct {
	mu      sync.Mutex
	faults  []string
	skipped []any // nil if the check was not skipped
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

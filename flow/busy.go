package flow

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir/stages"
)

// Busy is a source, stage or sink that keeps a run from ending.
type Busy struct {
	// Stage is its name.
	Stage string
	// Function is the name of the function that it calls, as the runtime has it,
	// or the type of a source, stage or sink of another package.
	Function string
	// Calls is from how many goroutines the function is being called. It is 0
	// where the source, stage or sink itself has not returned.
	Calls int
	// Items is how many items it holds or has before it, at the least.
	Items int64
	// Left says that the run has ended without it.
	Left bool
}

// String says it in a line.
func (b Busy) String() string {
	state := "is busy"
	if b.Left {
		state = "was left behind"
	}
	return fmt.Sprintf("stage %q %s: %d calls of %s, %d items", b.Stage, state, b.Calls, b.Function, b.Items)
}

// DrainError is why a run was aborted that did not drain in time.
type DrainError struct {
	// Timeout is what [DrainTimeout] gave it.
	Timeout time.Duration
	// Busy is who was busy when the time was up.
	Busy []Busy
}

// Error names who was busy.
func (e *DrainError) Error() string {
	return fmt.Sprintf("%v after %v%s", ErrDrainTimeout, e.Timeout, list(e.Busy))
}

// Is reports whether target is ErrDrainTimeout.
func (e *DrainError) Is(target error) bool { return target == ErrDrainTimeout }

// AbandonedError is what a run ends with that left something behind, see
// [AbandonAfter].
type AbandonedError struct {
	// Left is what was left behind. The Items of it are those that were in its
	// hands.
	Left []Busy
	// Err is why the run was aborted.
	Err error
}

// Error names what was left behind.
func (e *AbandonedError) Error() string { return fmt.Sprintf("%v%s", e.Err, list(e.Left)) }

// Unwrap returns why the run was aborted.
func (e *AbandonedError) Unwrap() error { return e.Err }

func list(all []Busy) string {
	var b strings.Builder
	for _, one := range all {
		fmt.Fprintf(&b, "; %s", one)
	}
	return b.String()
}

// busy returns who keeps the run from ending: stages whose functions are being
// called, and sources that have not returned. Where there are none, it is those
// that have items and are not held up by the stage below.
func (r *Run) busy() []Busy {
	waiting := r.waiting()
	var working, holding []Busy
	for i, n := range r.rt.Nodes() {
		if n.Ended() {
			continue
		}
		b := Busy{Stage: n.Name(), Function: n.Function(), Calls: n.Calls(), Items: max(n.Ledger().Balance(), waiting[n.Name()], int64(n.Calls()))}
		source := i < len(r.graph.nodes) && r.source(r.graph.nodes[i])
		switch {
		case b.Calls > 0 || source && !n.Blocked():
			working = append(working, b)
		case b.Items > 0 && !n.Blocked():
			holding = append(holding, b)
		}
	}
	if working == nil {
		return holding
	}
	return working
}

// waiting returns how many items are before each stage, or in its hands.
func (r *Run) waiting() map[string]int64 {
	all := map[string]int64{}
	for _, e := range r.rt.Edges() {
		all[e.To] += int64(e.Depth)
	}
	return all
}

// source reports whether nothing leads to the node.
func (r *Run) source(n *node) bool {
	for _, w := range r.graph.wires {
		if w.to == n {
			return false
		}
	}
	return true
}

// left returns what was left behind, in a run that has ended.
func (r *Run) left() (all []Busy) {
	waiting := r.waiting()
	for _, n := range r.rt.Nodes() {
		calls, stage := n.Left()
		if calls > 0 || stage {
			items := max(int64(calls), waiting[n.Name()])
			all = append(all, Busy{Stage: n.Name(), Function: n.Function(), Calls: calls, Items: items, Left: true})
		}
	}
	return all
}

// settle adds what was left behind. The items that a stage had received and not
// looked at, when it was left behind, are in no account but those of the stages
// above: they have failed with it.
func (r *Report) settle(left []Busy) {
	r.Busy = append(r.Busy, left...)
	missing := r.Ledger.Balance()
	if missing <= 0 {
		return
	}
	r.Ledger.Failed += missing
	for i := range r.Stages {
		for j := range left {
			if left[j].Calls == 0 && r.Stages[i].Name == left[j].Stage {
				r.Stages[i].Ledger = r.Stages[i].Ledger.Plus(stages.Ledger{In: missing, Failed: missing})
				return
			}
		}
	}
}

// AbandonAfter lets a run end although user code ignores its context. What has
// not returned d after the abort is left behind: first calls of the functions of
// Map, Filter, FlatMap, Lanes, ForEach and sections, whose items fail with
// [stages.ErrAbandoned]; then, as long as the run has not ended, every d again,
// sources, stages and sinks that are stuck themselves, also in other functions of
// the user, such as one of keys. The run returns an *[AbandonedError] that names
// them. All else has ended by then; what is left is the goroutine that the user's
// code does not give back, and it touches nothing of the run when it returns.
//
// Each item is accounted for and acknowledged, but for those in the hands of a
// stage that was left behind itself: they count as failed, and the source hears
// of them when the stage goes on, or never. The loop over [Stream.Results] is
// never left behind.
//
// An abort is needed for it, by the end of the context, [Run.Abort] or
// [DrainTimeout]. The price is a goroutine for each call: about a microsecond.
func AbandonAfter(d time.Duration) RunOption {
	return func(s *runSettings) {
		if d <= 0 {
			s.faults = append(s.faults, fmt.Errorf("time until what is stuck is left behind must be positive"))
		}
		s.abandon = d
	}
}

// limitAbort leaves behind what has not ended d after the abort.
func (r *Run) limitAbort(d time.Duration) {
	select {
	case <-r.rt.Context().Done():
	case <-r.ended:
		return
	}
	tick := time.NewTicker(d)
	defer tick.Stop()
	for leave := r.rt.Abandon; ; leave = r.rt.AbandonStuck {
		select {
		case <-tick.C:
			leave()
		case <-r.ended:
			return
		}
	}
}

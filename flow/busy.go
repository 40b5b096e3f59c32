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
	// Function is the runtime's name of the function that it calls, or the type of a source, stage
	// or sink of another package.
	Function string
	// Calls is from how many goroutines the function is being called. It is 0 if the source, stage
	// or sink itself has not returned.
	Calls int
	// Items is a lower bound of the items that it holds or has before it.
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
	return fmt.Sprintf("stage %q %s: %s of %s, %s", b.Stage, state, count(b.Calls, "call"), b.Function, count(int(b.Items), "item"))
}

// count returns n with the word what, in the right number.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// DrainError is the reason of the abort of a run that did not drain in time.
type DrainError struct {
	// Timeout is the argument of [DrainTimeout].
	Timeout time.Duration
	// Busy has the stages that were busy when the time was up.
	Busy []Busy
}

// Error names the busy stages.
func (e *DrainError) Error() string {
	return fmt.Sprintf("%v after %v%s", ErrDrainTimeout, e.Timeout, list(e.Busy))
}

// Is reports whether target is ErrDrainTimeout.
func (e *DrainError) Is(target error) bool { return target == ErrDrainTimeout }

// AbandonedError is the error of a run that left something behind; see [AbandonAfter].
type AbandonedError struct {
	// Left is what was left behind. Items are the items that it held.
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

// busy returns what keeps the run from ending: stages whose functions are being called, and sources
// that have not returned. If no function is being called, busy also returns the stages that hold
// items and do not wait for room below: a source may wait for these items.
func (r *Run) busy() []Busy {
	var working, holding []Busy
	calls := 0
	for i, n := range r.kernel.Nodes() {
		if n.Ended() {
			continue
		}
		b := Busy{Stage: n.Name, Function: n.Function(), Calls: n.Calls(), Items: max(n.Inside(), n.Waiting())}
		calls += b.Calls
		source := i < len(r.graph.nodes) && len(r.graph.nodes[i].ins) == 0
		switch {
		case b.Calls > 0 || source && !n.Blocked():
			working = append(working, b)
		case b.Items > 0 && !n.Blocked():
			holding = append(holding, b)
		}
	}
	if calls == 0 {
		return append(working, holding...)
	}
	return working
}

// left returns what the run left behind. The run must have ended.
func (r *Run) left() (all []Busy) {
	for _, n := range r.kernel.Nodes() {
		calls, stage, held := n.Left()
		if calls > 0 || stage {
			items := max(int64(calls), n.Waiting(), held)
			all = append(all, Busy{Stage: n.Name, Function: n.Function(), Calls: calls, Items: items, Left: true})
		}
	}
	return all
}

// settle adds what was left behind to the report. A stage that was left behind may have received
// items that it had not looked at. Only the accounts of the stages above have these items: they
// have failed with the stage.
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

// AbandonAfter lets a run end although user code ignores its context. It counts from an abort: the
// end of the context, [Run.Abort] or [DrainTimeout].
//
//   - When d has passed, the run leaves calls behind that have not returned: those of the functions
//     of Map, Filter, FlatMap, Lanes, ForEach and sections, of the keys of Lanes and Dedup, and of
//     the costs of RateLimit. Their items fail with [stages.ErrAbandoned].
//   - Each time that d passes again, the run leaves sources, stages and sinks behind that are stuck
//     themselves, for example in a function of keys.
//
// The run returns an *[AbandonedError] that names what was left behind. Everything else has ended by
// then. A goroutine that was left behind touches nothing of the run when its code returns. The loop
// over [Stream.Results] is never left behind, and a custom layer must not block.
//
// Each item is accounted for and acknowledged, except items that a stage holds that was left behind
// itself. They count as failed. The source gets their acknowledgements when the stage continues, or
// never.
//
// The cost is a goroutine for each call: about a microsecond.
func AbandonAfter(d time.Duration) RunOption {
	return func(s *runSettings) {
		if d <= 0 {
			s.faults = append(s.faults, fmt.Errorf("the time of AbandonAfter must be positive"))
		}
		s.abandon = d
	}
}

// limitAbort leaves behind everything that has not ended d after the abort.
func (r *Run) limitAbort(d time.Duration) {
	select {
	case <-r.kernel.Ctx.Done():
	case <-r.ended:
		return
	}
	tick := time.NewTicker(d)
	defer tick.Stop()
	for leave := r.kernel.Abandon; ; leave = r.kernel.AbandonStuck {
		select {
		case <-tick.C:
			leave()
		case <-r.ended:
			return
		}
	}
}

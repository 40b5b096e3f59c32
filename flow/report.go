package flow

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weir-go/weir/stages"
)

// Report is the account of a run.
type Report struct {
	// Started is when the run began, Elapsed how long it has taken.
	Started time.Time
	Elapsed time.Duration
	// Stages has an entry for each source, stage and sink, in the order in
	// which they were added.
	Stages []StageReport
	// Edges has an entry for each edge, in the order in which they were added:
	// how full it is, and who has waited at it for how long. It tells where
	// backpressure begins.
	Edges []stages.EdgeState
	// Ledger is the account of the run: what its sources brought, what its
	// sinks accepted, and what became of the rest.
	Ledger stages.Ledger
	// Busy has who was still busy when the drain timed out, see [DrainTimeout],
	// and who was left behind when the run ended, see [AbandonAfter].
	Busy []Busy
}

// StageReport is the account of a source, a stage or a sink.
type StageReport struct {
	Name   string
	Ledger stages.Ledger
	Effort stages.Effort
	// Workers is from how many goroutines a function is called, where that can
	// be set; else 0.
	Workers int
	// Paused reports a source that has been paused.
	Paused bool
	// Layers are the snapshots of a section's primitives, outermost first, such
	// as a [github.com/weir-go/weir/primitives/guard.Snapshot].
	Layers []any
}

// Snapshot returns the account as of now. In a run that is not over, what is
// inside shows as the ledgers' balance. It costs the stages nothing.
func (r *Run) Snapshot() *Report {
	rep := &Report{Started: r.started, Elapsed: time.Since(r.started), Edges: r.rt.Edges()}
	if late := r.late.Load(); late != nil {
		rep.Busy = slices.Clone(*late)
	}
	first, last := r.ends()
	for _, n := range r.rt.Nodes() {
		s := StageReport{
			Name: n.Name(), Ledger: n.Ledger(), Effort: n.Effort(),
			Workers: n.Workers(), Paused: n.Paused(), Layers: n.Layers(),
		}
		rep.Stages = append(rep.Stages, s)
		l := s.Ledger
		if !first[n] {
			l.In = 0 // it is another stage's Out
		}
		if !last[n] {
			l.Out = 0 // it is another stage's In
		}
		rep.Ledger = rep.Ledger.Plus(l)
	}
	return rep
}

// ends returns the nodes that nothing leads to, and those that lead nowhere.
func (r *Run) ends() (first, last map[*stages.Node]bool) {
	first, last = map[*stages.Node]bool{}, map[*stages.Node]bool{}
	for _, n := range r.rt.Nodes() {
		first[n], last[n] = true, true
	}
	for _, w := range r.graph.wires {
		last[r.nodes[w.from]] = false
		if w.to != nil {
			first[r.nodes[w.to]] = false
		}
	}
	if extra := len(r.graph.nodes); extra < len(r.rt.Nodes()) {
		first[r.rt.Nodes()[extra]] = false
	}
	return first, last
}

// Check returns an error that names each stage whose ledger does not balance,
// and the run if its does not. After a run it is nil: nothing was lost.
func (r *Report) Check() error {
	var wrong []string
	for _, s := range r.Stages {
		if err := s.Ledger.Check(); err != nil {
			wrong = append(wrong, fmt.Sprintf("stage %q: %v", s.Name, err))
		}
	}
	if err := r.Ledger.Check(); err != nil {
		wrong = append(wrong, fmt.Sprintf("run: %v", err))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("flow: %s", strings.Join(wrong, "; "))
}

// Stage returns the report of the named stage, and whether there is one.
func (r *Report) Stage(name string) (StageReport, bool) {
	for _, s := range r.Stages {
		if s.Name == name {
			return s, true
		}
	}
	return StageReport{}, false
}

// String returns the report as a table: a line for each stage, with its mean
// wait and work, and the ledger of the run below.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "stage\tin\tout\tfailed\tother\tcalls\tmean wait\tmean work\tlongest\t")
	for _, s := range r.Stages {
		l, e := s.Ledger, s.Effort
		other := l.Derived + l.Recovered + l.Folded + l.Filtered + l.Shed + l.Expired + l.DeadLettered
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%v\t%v\t%v\t\n", s.Name, l.In, l.Out, l.Failed, other,
			e.Attempts, mean(e.Wait, l.In), mean(e.Work, e.Attempts), round(e.Longest))
	}
	w.Flush() // a strings.Builder never fails
	l := r.Ledger
	fmt.Fprintf(&b, "in %d + derived %d + recovered %d = out %d + folded %d + filtered %d + failed %d + shed %d + expired %d + dead-lettered %d\n",
		l.In, l.Derived, l.Recovered, l.Out, l.Folded, l.Filtered, l.Failed, l.Shed, l.Expired, l.DeadLettered)
	for _, busy := range r.Busy {
		fmt.Fprintf(&b, "%s\n", busy)
	}
	return b.String()
}

func mean(total time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return round(total / time.Duration(n))
}

// round keeps three digits or so.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(time.Millisecond)
	case d > time.Millisecond:
		return d.Round(time.Microsecond)
	}
	return d
}

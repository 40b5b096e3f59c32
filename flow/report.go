package flow

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weir-go/weir/internal/kernel"
	"github.com/weir-go/weir/stages"
)

// Report is the account of a run: what happened to its items, and how long it took.
type Report struct {
	// Started is when the run began, Elapsed how long it has taken.
	Started time.Time
	Elapsed time.Duration
	// Stages has an entry for each source, stage and sink, in the order in
	// which they were added.
	Stages []StageReport
	// Edges has an entry for each edge, in the order in which they were added: how full it
	// is, and how long each end was blocked. It tells where backpressure begins.
	Edges []stages.EdgeState
	// Ledger is the account of the run: what its sources emitted, what its sinks accepted,
	// and what happened to the rest.
	Ledger stages.Ledger
	// Busy has the stages that were still busy when the drain timed out, see [DrainTimeout],
	// and those left behind when the run ended, see [AbandonAfter].
	Busy []Busy
}

// StageReport is the account of a source, a stage or a sink.
type StageReport struct {
	Name   string
	Ledger stages.Ledger
	Effort stages.Effort
	// Wait and Work are the distributions of its items' waits and works. Age, at a sink, is
	// that of the time since they entered the flow. They are nil unless the run keeps
	// [Distributions].
	Wait, Work, Age *Distribution
	// Workers is from how many goroutines a function is called, or 0 if that cannot be set.
	Workers int
	// Inside is a lower bound of the items that the stage holds or has before it. In a run
	// that does not move it tells which stage holds the items of a source.
	Inside int64
	// Paused reports a source that has been paused.
	Paused bool
	// Health is the state of a source that reports it, else nil; see [stages.HealthReporter].
	Health *stages.Health
	// Layers are the snapshots of a section's primitives, outermost first, such
	// as a [github.com/weir-go/weir/primitives/guard.Snapshot]. Their numbers by
	// name are in a [Status]; see [stages.Figures].
	Layers []any
}

// Snapshot returns the report as of now. In a run that has not ended, the balance of each
// ledger is the number of items inside. It does not slow the stages.
func (r *Run) Snapshot() *Report {
	rep := &Report{Started: r.started, Elapsed: time.Since(r.started), Edges: r.edgeStates()}
	if late := r.late.Load(); late != nil {
		rep.Busy = slices.Clone(*late)
	}
	nodes := r.kernel.Nodes()
	rep.Stages = make([]StageReport, len(nodes))
	for i := len(nodes) - 1; i >= 0; i-- { // sinks before sources, so that the balance is never negative
		rep.Stages[i] = reportOf(nodes[i])
		rep.Stages[i].Inside = max(nodes[i].Inside(), nodes[i].Waiting())
		if i < len(r.graph.nodes) {
			rep.Stages[i].Health = health(r.graph.nodes[i].what)
		}
	}
	for i, s := range rep.Stages {
		l := s.Ledger
		if !nodes[i].IsSource() {
			l.In = 0 // another stage counts it as Out
		}
		if !nodes[i].IsSink() {
			l.Out = 0 // another stage counts it as In
		}
		rep.Ledger = rep.Ledger.Plus(l)
	}
	return rep
}

func reportOf(n *kernel.Node) StageReport {
	s := StageReport{
		Name: n.Name, Ledger: stages.Ledger(n.Ledger()), Effort: stages.Effort(n.Effort()),
		Workers: n.Workers(), Paused: n.Paused(), Layers: n.Observed(),
	}
	if wait, work, age, aged := n.Spreads(); wait != nil {
		s.Wait, s.Work = &Distribution{wait, s.Effort.Wait}, &Distribution{work, s.Effort.Work}
		if age != nil {
			s.Age = &Distribution{age, aged}
		}
	}
	return s
}

// health returns the state of a source that reports it, else nil.
func health(what any) *stages.Health {
	reporter, ok := what.(stages.HealthReporter)
	if !ok {
		return nil
	}
	h := reporter.Health()
	return &h
}

func (r *Run) edgeStates() []stages.EdgeState {
	states := make([]stages.EdgeState, len(r.edges))
	for i, e := range r.edges {
		s := e.State()
		states[i] = stages.EdgeState{
			From: e.From.Name, To: e.To.Name, Depth: s.Depth, Bound: e.Bound,
			Full: s.Full, Empty: s.Empty, Fused: s.Fused, Blocked: s.Blocked,
		}
	}
	return states
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
// wait and work, and the ledger of the run below. If the run keeps
// [Distributions], the table also has medians and 99th percentiles.
// Then come the stages that have items inside, and the busy stages.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	spread := slices.ContainsFunc(r.Stages, func(s StageReport) bool { return s.Wait != nil })
	fmt.Fprint(w, "stage\tin\tout\tfailed\tother\tcalls\tmean wait\tmean work\tlongest\t")
	if spread {
		fmt.Fprint(w, "p50 wait\tp99 wait\tp50 work\tp99 work\tp50 age\tp99 age\t")
	}
	fmt.Fprintln(w)
	for _, s := range r.Stages {
		l, e := s.Ledger, s.Effort
		other := l.Derived + l.Recovered + l.Folded + l.Filtered + l.Shed + l.Expired + l.DeadLettered + l.HandedBack
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%v\t%v\t%v\t", s.Name, l.In, l.Out, l.Failed, other,
			e.Attempts, mean(e.Wait, l.In), mean(e.Work, e.Attempts), round(e.Longest))
		if spread {
			for _, d := range []*Distribution{s.Wait, s.Work, s.Age} {
				fmt.Fprint(w, percentiles(d))
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush() // a strings.Builder never fails
	l := r.Ledger
	fmt.Fprintf(&b, "in %d + derived %d + recovered %d = out %d + folded %d + filtered %d + failed %d + shed %d + expired %d + dead-lettered %d + handed back %d\n",
		l.In, l.Derived, l.Recovered, l.Out, l.Folded, l.Filtered, l.Failed, l.Shed, l.Expired, l.DeadLettered, l.HandedBack)
	for _, s := range r.Stages {
		if s.Inside > 0 {
			fmt.Fprintf(&b, "stage %q has %s inside\n", s.Name, count(int(s.Inside), "item"))
		}
	}
	for _, busy := range r.Busy {
		fmt.Fprintf(&b, "%s\n", busy)
	}
	return b.String()
}

// percentiles returns two columns of the table.
func percentiles(d *Distribution) string {
	if d == nil || d.Count() == 0 {
		return "\t\t"
	}
	return fmt.Sprintf("%v\t%v\t", round(d.Quantile(0.5)), round(d.Quantile(0.99)))
}

func mean(total time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return round(total / time.Duration(n))
}

// round rounds d to about three digits.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(time.Millisecond)
	case d > time.Millisecond:
		return d.Round(time.Microsecond)
	}
	return d
}

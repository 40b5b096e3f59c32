package flow

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/weir-go/weir/stages"
)

// defaultBound is the bound of an edge that leads to a sink outside of the graph.
const defaultBound = stages.DefaultBuffer

// RunOption sets how a graph is run.
type RunOption func(*runSettings)

type runSettings struct {
	name    string
	onStart []func(*Run)
	only    []string // names of the parts that run; nil for all parts
	untimed bool
	workers bool
	stop    []<-chan struct{}
	drain   time.Duration
	abandon time.Duration
	signals []os.Signal
	reports []*Report
	faults  []error
	watch   watching
}

// watching has the settings for observing a run.
type watching struct {
	distributions bool
	hooks         []Hooks
	drains        []func(*Run) // each runs from the start of the run to its end
}

// apply returns the settings of all options. Wrong options give a *[GraphError].
func apply(opts []RunOption) (*runSettings, error) {
	s := &runSettings{name: DefaultName}
	for _, o := range opts {
		if o == nil {
			s.faults = append(s.faults, errors.New("a run option is nil"))
			continue
		}
		o(s)
	}
	if s.watch.distributions && s.untimed {
		s.faults = append(s.faults, errors.New("distributions need the times that Untimed leaves out"))
	}
	if s.untimed && slices.ContainsFunc(s.watch.hooks, func(h Hooks) bool { return h.Enter != nil }) {
		s.faults = append(s.faults, errors.New("the hook Enter needs the times that Untimed leaves out"))
	}
	if s.faults != nil {
		return s, &GraphError{Faults: s.faults}
	}
	return s, nil
}

// Untimed runs the graph without timings: results and the report have no times. Stages that do
// very little are cheaper then.
func Untimed() RunOption { return func(s *runSettings) { s.untimed = true } }

// ByWorkers makes the workers of a [Service] make its calls, and not the goroutines of the
// callers; see [Service.Do]. A call then passes through several goroutines, which costs more, and
// Do returns as soon as its context ends.
func ByWorkers() RunOption { return func(s *runSettings) { s.workers = true } }

// StopWhen stops the intake when ch delivers or is closed: the sources return, the items inside
// drain, and the run ends. ch can be the Done channel of a context, such as that of
// [os/signal.NotifyContext]:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
//	defer stop()
//	report, err := graph.Run(context.Background(), flow.StopWhen(ctx.Done()))
func StopWhen(ch <-chan struct{}) RunOption {
	return func(s *runSettings) { s.stop = append(s.stop, ch) }
}

// DrainTimeout aborts the run with a *[DrainError] if the run has not ended within d after the
// intake stopped. The error names the stages that were still busy. Without it a drain has no
// limit.
func DrainTimeout(d time.Duration) RunOption {
	return func(s *runSettings) {
		if d <= 0 {
			s.faults = append(s.faults, errors.New("drain timeout must be positive"))
		}
		s.drain = d
	}
}

// ReportTo writes the report of the run to r when the run has ended. It is for methods that
// return no report, such as [Stream.Results].
func ReportTo(r *Report) RunOption {
	return func(s *runSettings) {
		if r == nil {
			s.faults = append(s.faults, errors.New("the report of ReportTo is nil"))
			return
		}
		s.reports = append(s.reports, r)
	}
}

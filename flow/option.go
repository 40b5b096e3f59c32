package flow

import (
	"errors"
	"os"
	"time"

	"github.com/weir-go/weir/stages"
)

// Option sets a knob of one stage.
type Option = stages.Option

// Workers makes a stage call its function from n goroutines; 1 unless set.
// Items still leave in the order they came, unless [Unordered] is set; to keep
// the order, a Map holds up to 16 items per worker, at least 64, beside what is
// on its edges. [Run.SetWorkers] changes the number while the graph runs.
func Workers(n int) Option { return stages.Workers(n) }

// Unordered lets items leave a stage in the order they are done, so that a slow
// one holds up no other.
func Unordered() Option { return stages.Unordered() }

// Buffer bounds the edge that leads to the stage: at most n items are between
// it and the stage before, handed over by the one and not finished by the
// other. It is [DefaultBuffer] unless set. When it is full the stage before has
// to wait; with [stages.DropNewest] or [stages.DropOldest] it never does, and
// what is dropped counts as shed, at a stage named after this one and "-buffer".
func Buffer(n int, policy ...stages.OverflowPolicy) Option { return stages.Buffer(n, policy...) }

// Name names a stage that would else be named after its kind.
func Name(name string) Option { return stages.Name(name) }

// Hold makes a Breaker layer keep the items that find it open, until it admits
// them: the stream pauses while the service is down.
func Hold() Option { return stages.Hold() }

// OnDrain says what a Retry layer does with items that wait for their next try when
// the flow is stopped: [stages.DrainRunNow] unless set, [stages.DrainFail],
// [stages.DrainHandBack] or [stages.DrainWait].
func OnDrain(d stages.Drain) Option { return stages.OnDrain(d) }

// DefaultBuffer is the bound of an edge, in items, where none is set.
const DefaultBuffer = 256

// RunOption sets how a graph is run.
type RunOption func(*runSettings)

type runSettings struct {
	untimed bool
	stop    []<-chan struct{}
	drain   time.Duration
	abandon time.Duration
	signals []os.Signal
	reports []*Report
	faults  []error
}

// Untimed runs without timings: results carry none, and the report no times.
// It makes stages that do very little cheaper still.
func Untimed() RunOption { return func(s *runSettings) { s.untimed = true } }

// StopWhen stops the intake when ch delivers or is closed: the sources return,
// what is inside drains, and the run ends. A context's Done channel fits, such
// as that of [os/signal.NotifyContext]:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
//	defer stop()
//	report, err := graph.Run(context.Background(), flow.StopWhen(ctx.Done()))
func StopWhen(ch <-chan struct{}) RunOption {
	return func(s *runSettings) { s.stop = append(s.stop, ch) }
}

// DrainTimeout aborts the run with a *[DrainError], which names who was still
// busy, when it has not ended d after the intake was stopped, by whatever.
// Without it a drain takes as long as it takes.
func DrainTimeout(d time.Duration) RunOption {
	return func(s *runSettings) {
		if d <= 0 {
			s.faults = append(s.faults, errors.New("drain timeout must be positive"))
		}
		s.drain = d
	}
}

// ReportTo writes the report of the run to r when the run has ended, for the
// ways to run a stream that do not return one.
func ReportTo(r *Report) RunOption {
	return func(s *runSettings) {
		if r == nil {
			s.faults = append(s.faults, errors.New("report to write to is nil"))
			return
		}
		s.reports = append(s.reports, r)
	}
}

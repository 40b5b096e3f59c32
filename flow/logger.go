package flow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/weir-go/weir/stages"
)

// Logger makes the run write log lines for its operators to l. Without it a run writes nothing.
// There is a line when
//
//   - the run starts, stops, is aborted, or ends, with its ledger,
//   - the run drains, with the stages that are still busy,
//   - a layer changes its state,
//   - the first item fails in a stage,
//   - items become dead letters.
//
// Each line has the attribute flow, and stage if it is about one.
//
// Lines about layers and dead letters are bounded: at most 10 in 10 seconds of each kind for each
// stage. The next line has the attribute suppressed, with the number of lines that were left out.
// The goroutine in which something happens writes the line, so a handler that blocks delays the
// flow. Items that do not fail cost nothing.
func Logger(l *slog.Logger) RunOption {
	return func(s *runSettings) {
		if l == nil {
			s.faults = append(s.faults, errors.New("logger is nil"))
			return
		}
		g := &logger{to: l} // options are applied once for each run
		s.onStart = append(s.onStart, g.start)
		s.watch.hooks = append(s.watch.hooks, Hooks{
			Stop: g.stop, Abort: g.abort, Finish: g.finish, Change: g.change, DeadLetter: g.letter, Fail: g.fail,
		})
		s.watch.drains = append(s.watch.drains, g.drain)
	}
}

const (
	mostLines   = 10               // largest number of lines of a kind for a stage in linesPer
	linesPer    = 10 * time.Second // see mostLines
	drainsEvery = 5 * time.Second  // time between two lines about busy stages
)

// logger writes the lines of a run.
type logger struct {
	to *slog.Logger

	mu     sync.Mutex           // Guarded by: mu, all fields below
	bounds map[bound]*allowance // allowances for lines
	failed map[string]bool      // stages for which a failure was logged
}

// bound is the key by which lines are counted.
type bound struct{ kind, stage string }

type allowance struct {
	since   time.Time
	lines   int
	dropped int
}

// start is called before the run begins.
func (g *logger) start(r *Run) {
	g.mu.Lock()
	g.to = g.to.With("flow", r.name)
	g.bounds, g.failed = map[bound]*allowance{}, map[string]bool{}
	g.mu.Unlock()
	g.to.Info("flow started", "stages", len(r.kernel.Nodes()))
}

func (g *logger) stop(r *Run) {
	g.to.Info("flow stopped taking items, draining", "inside", r.Snapshot().Ledger.Balance())
}

// drain logs the busy stages while a drain lasts.
func (g *logger) drain(r *Run) {
	select {
	case <-r.kernel.Intake.Done():
	case <-r.ended:
		return
	}
	tick := time.NewTicker(drainsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, b := range r.busy() {
				g.to.Info("flow still draining", "stage", b.Stage, "function", b.Function, "calls", b.Calls, "items", b.Items)
			}
		case <-r.ended:
			return
		}
	}
}

func (g *logger) abort(_ *Run, cause error) { g.to.Warn("flow aborted", "error", cause) }

func (g *logger) finish(_ *Run, rep *Report, err error) {
	level, l := slog.LevelInfo, rep.Ledger
	attrs := []any{
		"elapsed", rep.Elapsed, "in", l.In, "out", l.Out, "failed", l.Failed, "dead_lettered", l.DeadLettered, "shed", l.Shed, "expired", l.Expired,
	}
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, "error", err)
	}
	g.to.Log(context.Background(), level, "flow ended", attrs...)
}

func (g *logger) change(c Change) {
	level := slog.LevelInfo
	if c.To == "open" {
		level = slog.LevelWarn
	}
	attrs := []any{"stage", c.Stage, "layer", c.Kind, "name", c.Name, "from", c.From, "to", c.To}
	if c.Err != nil {
		attrs = append(attrs, "error", c.Err)
	}
	g.write(bound{"change", c.Stage}, level, "layer changed its state", attrs...)
}

func (g *logger) letter(stage string, f *stages.ItemError) {
	g.write(bound{"letter", stage}, slog.LevelWarn, "item became a dead letter", "stage", stage, "failed_in", f.Stage, "attempts", f.Attempts, "error", f.Err)
}

func (g *logger) fail(f *stages.ItemError) {
	if errors.Is(f.Err, stages.ErrAborted) {
		return
	}
	g.mu.Lock()
	first := !g.failed[f.Stage]
	g.failed[f.Stage] = true
	g.mu.Unlock()
	if first {
		g.to.Warn("first item failed in stage", "stage", f.Stage, "attempts", f.Attempts, "error", f.Err)
	}
}

// write writes a line unless there were too many of its kind.
func (g *logger) write(b bound, level slog.Level, text string, attrs ...any) {
	dropped, ok := g.allow(b, time.Now())
	if !ok {
		return
	}
	if dropped > 0 {
		attrs = append(attrs, "suppressed", dropped)
	}
	g.to.Log(context.Background(), level, text, attrs...)
}

func (g *logger) allow(b bound, now time.Time) (dropped int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.bounds[b]
	if a == nil {
		a = &allowance{since: now}
		g.bounds[b] = a
	}
	if now.Sub(a.since) >= linesPer {
		a.since, a.lines = now, 0
	}
	if a.lines == mostLines {
		a.dropped++
		return 0, false
	}
	a.lines++
	dropped, a.dropped = a.dropped, 0
	return dropped, true
}

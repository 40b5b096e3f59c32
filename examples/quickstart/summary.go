package main

import (
	"fmt"
	"io"
	"time"

	"github.com/weir-go/weir/examples/internal/report"
	"github.com/weir-go/weir/examples/internal/standin"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
)

// summarize prints the figures of the run.
func summarize(w io.Writer, rep *flow.Report, o *outage, server *standin.Server) error {
	tables := []report.Table{timings(rep), primitives(rep), {
		Title:   "The breaker's transitions",
		Columns: []string{"after", "from", "to", "cause"},
		Rows:    o.rows(),
	}}
	if server != nil {
		tables = append(tables, served(server.Served()))
	}
	for _, t := range tables {
		if err := t.Write(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "Ledger: %s\n", ledger(rep))
	return err
}

// timings has a line for each stage. Items in a section wait for a place, for an equal
// item's call and for their next try; only calls are work.
func timings(rep *flow.Report) report.Table {
	t := report.Table{
		Title:   fmt.Sprintf("Timings per stage, in a run of %s", report.Duration(rep.Elapsed)),
		Columns: []string{"stage", "in", "out", "failed", "calls", "mean wait", "mean work", "longest"},
	}
	for _, s := range rep.Stages {
		t.Rows = append(t.Rows, []any{
			s.Name, s.Ledger.In, s.Ledger.Out, s.Ledger.Failed, s.Effort.Attempts,
			each(s.Effort.Wait, s.Ledger.In), each(s.Effort.Work, s.Effort.Attempts), s.Effort.Longest,
		})
	}
	return t
}

func each(total time.Duration, n int64) time.Duration { return total / time.Duration(max(n, 1)) }

// primitives has a line for each layer of the section.
func primitives(rep *flow.Report) report.Table {
	t := report.Table{Title: "The four primitives", Columns: []string{"primitive", "at work"}}
	section, _ := rep.Stage("summarise")
	for _, layer := range section.Layers {
		switch s := layer.(type) {
		case guard.Snapshot:
			t.Rows = append(t.Rows, []any{"guard", fmt.Sprintf("%d admitted, at most %d at a time", s.Admitted, s.Capacity)})
		case dedup.Snapshot:
			t.Rows = append(t.Rows, []any{"dedup", fmt.Sprintf("%d duplicates shared: %d joined a call, %d found its result", s.Shared+s.Hits, s.Shared, s.Hits)})
		case retry.Snapshot:
			t.Rows = append(t.Rows, []any{"retry", fmt.Sprintf("%d retries, %d waits for the breaker, %d given up", s.Retries, s.Waits, s.GaveUp)})
		case breaker.Snapshot:
			t.Rows = append(t.Rows, []any{"breaker", fmt.Sprintf("%d calls rejected, %s at the end", s.Rejected, s.State)})
		}
	}
	return t
}

// served has the figures of the stand-in.
func served(s standin.Served) report.Table {
	return report.Table{
		Title:   "Requests that reached the stand-in",
		Columns: []string{"in all", "different", "200", "429", "500", "503", "cut off"},
		Rows:    [][]any{{s.Requests, s.Prompts, s.Answered, s.Throttled, s.Failed, s.Refused, s.Dropped}},
	}
}

// ledger is the account of the run in one line.
func ledger(rep *flow.Report) string {
	l := rep.Ledger
	text := fmt.Sprintf("%d packages + %d terms = %d batches + %d folded into them + %d failed",
		l.In, l.Derived, l.Out, l.Folded, l.DeadLettered+l.Failed-l.Recovered)
	if err := rep.Check(); err != nil {
		return text + "; it does not balance: " + err.Error()
	}
	return text + "; it balances"
}

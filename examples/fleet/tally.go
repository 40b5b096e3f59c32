package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/weir-go/weir/examples/internal/report"
	"github.com/weir-go/weir/primitives/breaker"
)

// tally is who did what in a run.
type tally struct {
	began  time.Time
	killed time.Time // zero if no worker was
	hands  []person
}

// person is a worker in the table.
type person struct {
	name string
	pid  int
	end  string
}

// people returns the workers for the table.
func (c *crew) people() (all []person) {
	for _, h := range c.hands {
		all = append(all, person{h.name, h.cmd.Process.Pid, h.end})
	}
	return all
}

// progress says in a few words how far the output is.
func (o *output) progress() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("%d of %d packages are done", len(o.entries), o.want)
}

// print prints the tables, and returns an error if a package has no summary or has two.
func (t *tally) print(ctx context.Context, w io.Writer, s *site) error {
	again, err := s.redelivered(ctx)
	if err != nil {
		return err
	}
	changes := s.board.all()
	o, served := s.output, s.model.Served()
	o.mu.Lock()
	defer o.mu.Unlock()
	err = errors.Join(t.workers(changes, o.by).Write(w), t.transitions(changes).Write(w))
	fmt.Fprintf(w, "Packages: %d, summarised once each: %d, failed: %d, more than once in the output: %d\n",
		o.want, len(o.entries)-o.failed-o.repeated, o.failed, o.repeated)
	fmt.Fprintf(w, "Breaker: openings of all workers together: %d\n", openings(changes))
	fmt.Fprintf(w, "Model: %d requests, %d answers\n", served.Requests, served.Answered)
	if !t.killed.IsZero() {
		fmt.Fprintf(w, "Kill: after %s; handed out again: %d, answered by the model again: %d\n",
			report.Duration(t.killed.Sub(t.began)), again, served.Answered-len(o.entries))
	}
	fmt.Fprintf(w, "Time: %s\n", report.Duration(o.last.Sub(t.began)))
	if o.failed > 0 || o.repeated > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d packages failed, %d are in the output more than once", o.failed, o.want, o.repeated))
	}
	return err
}

// workers has a line for each worker, and for each that was started by hand and has joined. The
// calls are those up to its last summary.
func (t *tally) workers(changes []news, by map[string]deeds) report.Table {
	table := report.Table{
		Title:   "Who did what",
		Columns: []string{"worker", "pid", "summaries", "calls", "breaker opened", "by", "end"},
	}
	hands := t.hands
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if !slices.ContainsFunc(hands, func(p person) bool { return p.name == name }) {
			hands = append(hands, person{name: name, end: "joined"})
		}
	}
	for _, p := range hands {
		opened, cause := 0, "-"
		for _, c := range changes {
			if c.Worker == p.name && c.From == breaker.Closed.String() {
				opened, cause = opened+1, c.Cause
			}
		}
		d := by[p.name]
		table.Rows = append(table.Rows, []any{p.name, p.pid, d.summaries, d.calls, opened, cause, p.end})
	}
	return table
}

// transitions has the changes of all breakers.
func (t *tally) transitions(changes []news) report.Table {
	table := report.Table{
		Title:   "The breakers' transitions: manual stands for what another worker has found out",
		Columns: []string{"after", "worker", "from", "to", "cause"},
	}
	for _, c := range changes {
		table.Rows = append(table.Rows, []any{c.At.Sub(t.began), c.Worker, c.From, c.To, c.Cause})
	}
	return table
}

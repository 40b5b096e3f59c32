package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"github.com/weir-go/weir/flow"
)

type topCommand struct {
	URL   string        `arg:"" help:"Where the flow is shown."`
	Every time.Duration `help:"Time between two snapshots." default:"1s"`
	Count int           `help:"End after this number of snapshots; 0 means at the end of the flow." placeholder:"N"`
	Plain bool          `help:"Plain lines, as in a pipe."`
}

// Help implements kong.HelpProvider.
func (topCommand) Help() string {
	return `URL is that of a live page or of probe.Handler. On a terminal top shows a table; q ends it. Otherwise each
snapshot is a line for the flow, one for each stage and one for each edge, as name=value. It ends when the flow ends.

Examples:
  weir top http://localhost:8080/live/
  weir top http://localhost:8080/live/ --count 1 | grep ^stage
  weir top http://localhost:8080/live/ --every 10s | grep '^flow' >> flow.log`
}

// Run watches the flow.
func (c topCommand) Run(p *program) error {
	if c.Every < 10*time.Millisecond || c.Count < 0 {
		return fmt.Errorf("%w: --every must be at least 10ms, and --count not below 0", errUsage)
	}
	first, err := look(p.ctx, c.URL)
	if err != nil {
		return err
	}
	if out, ok := p.stdout.(*os.File); ok && term.IsTerminal(out.Fd()) && !c.Plain {
		return c.screen(p, first)
	}
	return c.lines(p, first)
}

// look takes a snapshot of the flow.
func look(ctx context.Context, url string) (s flow.Status, err error) {
	body, err := fetch(ctx, url, "snapshot.json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("%s: the answer is no snapshot of a flow: %w", url, err)
	}
	return s, nil
}

// next takes the view after a snapshot. The flow may be another one meanwhile.
func next(ctx context.Context, url string, before flow.Status) (view, error) {
	now, err := look(ctx, url)
	if err != nil {
		return view{}, err
	}
	if !now.Started.Equal(before.Started) || len(now.Stages) != len(before.Stages) || len(now.Edges) != len(before.Edges) {
		before = now
	}
	return viewOf(before, now), nil
}

// lines prints each look as lines.
func (c topCommand) lines(p *program, before flow.Status) error {
	for n := 1; ; n++ {
		select {
		case <-time.After(c.Every):
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
		v, err := next(p.ctx, c.URL, before)
		if err != nil {
			return err
		}
		if _, err := p.stdout.Write([]byte(v.lines())); err != nil {
			return err
		}
		if n == c.Count || v.status.State == flow.Ended {
			return nil
		}
		before = v.status
	}
}

// lines returns the view as lines for a pipe.
func (v view) lines() string {
	var b strings.Builder
	at := v.status.Taken.UTC().Format(time.RFC3339)
	fmt.Fprintf(&b, "flow time=%s name=%q state=%s in_per_second=%.1f out_per_second=%.1f inside=%d backpressure_begins=%q\n",
		at, v.status.Flow, v.status.State, v.in, v.out, v.status.Inside, strings.Join(v.begins, ","))
	for _, s := range v.stages {
		fmt.Fprintf(&b, "stage time=%s name=%q kind=%s in_per_second=%.1f out_per_second=%.1f busy_percent=%.0f held_percent=%.0f inside=%d failed=%d workers=%d layers=%q\n",
			at, s.name, s.kind, s.in, s.out, s.busy, s.held, s.inside, s.failed, s.workers, s.layers)
	}
	for _, e := range v.edges {
		fmt.Fprintf(&b, "edge time=%s from=%q to=%q items=%d capacity=%d full_percent=%.0f\n", at, e.from, e.to, e.items, e.capacity, e.full)
	}
	return b.String()
}

// screen shows the looks as a table on the terminal.
func (c topCommand) screen(p *program, before flow.Status) error {
	m := screen{command: c, ctx: p.ctx, view: viewOf(before, before)}
	end, err := tea.NewProgram(m, tea.WithContext(p.ctx), tea.WithOutput(p.stdout), tea.WithoutSignalHandler()).Run()
	if err != nil {
		return err
	}
	if last, ok := end.(screen); ok && last.err != nil {
		return last.err
	}
	return nil
}

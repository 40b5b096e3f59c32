package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"time"

	"github.com/weir-go/weir/examples/internal/chat"
	"github.com/weir-go/weir/examples/internal/cli"
	"github.com/weir-go/weir/examples/internal/glossary"
	"github.com/weir-go/weir/examples/internal/godoc"
	"github.com/weir-go/weir/examples/internal/livepage"
	"github.com/weir-go/weir/examples/quickstart/internal/progress"
	"github.com/weir-go/weir/flow"
	"github.com/weir-go/weir/primitives/breaker"
	"github.com/weir-go/weir/primitives/dedup"
	"github.com/weir-go/weir/primitives/guard"
	"github.com/weir-go/weir/primitives/retry"
	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/sink"
	"github.com/weir-go/weir/stages/source"
)

// survey is one run of the job: the packages in, the glossary out.
type survey struct {
	src      fs.FS
	names    []string // the packages, by import path
	model    string
	workers  int
	client   *chat.Client
	out      io.Writer
	progress *progress.Progress
	outage   *outage
	page     *livepage.Page

	failures []*stages.ItemError
	written  int
}

// graph wires the job. It is the part of this program to read.
//
// The retry encloses the breaker here, and not the other way round. So the breaker
// sees every attempt and opens during an outage. With RetryRejected the items wait
// until it closes, at the cost of no attempt. The probe of a half-open breaker does cost
// an attempt. An item may be the probe several times in an outage, so it has many
// attempts. The guard bounds how many items wait, so the stream pauses while the service
// is down.
func (s *survey) graph() *flow.Graph {
	return flow.From(source.Slice(s.names), stages.Name("packages")).
		FlatMap("terms", s.terms).
		Guard(guard.Limit(64, guard.Name("service"))).
		Dedup(dedup.Window(time.Hour, dedup.Name("terms")), func(t glossary.Term) string { return t.Name }).
		Retry(retry.Exponential(10, 100*time.Millisecond, retry.RetryRejected())).
		Breaker(breaker.Consecutive("service", 5, 500*time.Millisecond, breaker.OnChange(s.outage.note))).
		Enrich("summarise", s.summarise, glossary.Term.Entry, stages.Workers(s.workers)).
		DeadLetter(s.keepFailure).
		Batch(50, 200*time.Millisecond).
		To(sink.ForEach(s.write), stages.Name("write"))
}

// terms reads a package and lists the terms that its readers need.
func (s *survey) terms(ctx context.Context, name string) (iter.Seq[glossary.Term], error) {
	p, err := godoc.Load(ctx, s.src, name)
	if err != nil {
		return nil, err
	}
	terms := glossary.Terms(p)
	s.progress.Grow(len(terms))
	return slices.Values(terms), nil
}

// summarise asks the model. The flow calls it once for each name, however many packages
// import it, so it can afford to read the documentation.
func (s *survey) summarise(ctx context.Context, t glossary.Term) (string, error) {
	p, err := godoc.Load(ctx, s.src, t.Name)
	if err != nil {
		return "", err
	}
	a, err := s.client.Complete(ctx, glossary.Question(s.model, p))
	return a.Text, err
}

// keepFailure remembers a term that has no summary, for the verdict.
func (s *survey) keepFailure(_ context.Context, failure *stages.ItemError) error {
	s.failures = append(s.failures, failure)
	s.progress.Add(1)
	return nil
}

// write appends a batch to the glossary, in one write.
func (s *survey) write(_ context.Context, entries []glossary.Entry) error {
	var lines []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := s.out.Write(lines); err != nil {
		return err
	}
	s.written += len(entries)
	s.progress.Add(len(entries))
	return nil
}

// run runs the job. When interrupt ends, the intake stops and the run finishes the
// items inside. If the service stays down, the run ends with an error.
func (s *survey) run(interrupt context.Context) (*flow.Report, error) {
	r, err := s.graph().Start(context.Background(),
		flow.Named("glossary"), flow.StopWhen(interrupt.Done()), flow.DrainTimeout(drainTimeout), s.page.Show())
	if err != nil {
		return nil, err
	}
	s.outage.watch(r)
	report, err := r.Wait()
	s.outage.over()
	return report, s.verdict(interrupt, err)
}

// drainTimeout is how long a run may take to finish the items inside.
const drainTimeout = 20 * time.Second

// verdict says in one line why the glossary is not complete. An item that waits for
// another try when the run is interrupted has that try at once, or not at all.
func (s *survey) verdict(interrupt context.Context, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w; %d lines are written", err, s.written)
	case interrupt.Err() != nil && len(s.failures) > 0:
		return fmt.Errorf("%w; %d lines are written, %d were given up, the first: %w", cli.ErrInterrupted, s.written, len(s.failures), s.failures[0])
	case interrupt.Err() != nil:
		return fmt.Errorf("%w; the lines in work are finished: %d lines are written", cli.ErrInterrupted, s.written)
	case len(s.failures) > 0:
		return fmt.Errorf("%d of %d lines failed, the first: %w", len(s.failures), s.written+len(s.failures), s.failures[0])
	}
	return nil
}
